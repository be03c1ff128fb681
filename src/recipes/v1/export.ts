import { inverseAxes, permute } from "../../core/axes.js";
import { NnprepError } from "../../core/errors.js";
import { roundHalfEven } from "../../core/numeric.js";
import { type Axes3, type Box3, formatShape, type Shape3, sameShape, type Volume } from "../../core/volume.js";
import type { Probabilities } from "../../steps/probabilities.js";
import { separateAxis } from "../../steps/resample.js";
import { type RestoreSettings, restoreLabels, restoreProbabilities } from "../../steps/restore.js";
import type { CaseProperties } from "./documents/properties.js";
import { SEPARATE_AXIS } from "./resampling.js";

/** What export needs to know of a case; nnU-Net's `ID.pkl` has it all. */
export type ExportProperties = Pick<
  CaseProperties,
  | "original_size_of_raw_data"
  | "original_spacing"
  | "itk_origin"
  | "itk_spacing"
  | "itk_direction"
  | "crop_bbox"
  | "size_after_cropping"
  | "size_after_resampling"
  | "spacing_after_resampling"
  | "regions_class_order"
>;

/** How probabilities become a segmentation. */
export interface ExportOptions {
  /**
   * `regions_class_order`: the label of each channel, later ones overwrite. Default: that of the properties, if any;
   * null: largest class even so.
   */
  readonly regions?: readonly number[] | null | undefined;
  /**
   * True if the probabilities still have the network's axes. Default false: they are turned back to the file's axes,
   * as in nnU-Net's own files.
   */
  readonly transposed?: boolean | undefined;
  /** `transpose_forward` of the plans. Needed with `transposed`; else found by comparing shapes and spacings. */
  readonly transposeForward?: Axes3 | undefined;
  /** Overrides the choice of a separate axis: true always, false never, null (default) by the spacings. */
  readonly forceSeparateZ?: boolean | null | undefined;
  /**
   * nnU-Net 1.7.1 compares the transposed target spacing with untransposed axes, which takes the wrong axis where only
   * the target spacing is anisotropic and axes were transposed. True: do the same. Default false: the right axis.
   */
  readonly untransposedTargetAxis?: boolean | undefined;
  /** Precision that resampled values are rounded to; by default that of the probabilities, as in nnU-Net. */
  readonly precision?: "float32" | "float16" | undefined;
  readonly onProgress?: RestoreSettings["onProgress"];
  readonly signal?: AbortSignal | undefined;
}

/** A condition that the export survives but that the user should know of. */
export interface ExportWarning {
  readonly code: "NOT_FINITE" | "NO_PROBABILITIES" | "AXES_UNCERTAIN";
  readonly message: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** A segmentation on the scan, and what there is to say about it. */
export interface ExportedSegmentation {
  /** Labels with the grid and geometry of the scan. */
  readonly segmentation: Volume<Uint8Array>;
  readonly warnings: readonly ExportWarning[];
}

const PERMUTATIONS: readonly Axes3[] = [
  [0, 1, 2],
  [1, 0, 2],
  [2, 0, 1],
  [0, 2, 1],
  [1, 2, 0],
  [2, 1, 0],
];
const IDENTITY = PERMUTATIONS[0];
/** Probabilities may leave [0, 1] by what float16 and a sum of classes make of them. */
const SLACK = 1e-3;
/** A voxel belongs to a region where its probability is above this. */
const REGION_THRESHOLD = 0.5;

function required<T>(value: T | undefined, key: string): T {
  if (value !== undefined) return value;
  throw new NnprepError(
    "CORRUPT_FILE",
    `properties: key "${key}" is missing; export needs it. Is the case preprocessed?`,
    {
      missing: [key],
    },
  );
}

/** All `transpose_forward` that explain the shape of probabilities in the file's axes; the identity first. */
function possibleTransposes(properties: ExportProperties, shape: Shape3): Axes3[] {
  const { original_spacing, size_after_cropping, spacing_after_resampling, size_after_resampling } = properties;
  if (spacing_after_resampling === undefined || size_after_cropping === undefined) return [];
  return PERMUTATIONS.filter((forward) => {
    const target = permute(spacing_after_resampling, inverseAxes(forward));
    const size = size_after_resampling && permute(size_after_resampling, inverseAxes(forward));
    return [0, 1, 2].every((axis) => {
      const ratio = original_spacing[axis] / target[axis];
      const expected = roundHalfEven(ratio * size_after_cropping[axis]);
      return shape[axis] === expected && (size === undefined || size[axis] === expected);
    });
  });
}

/** The separate axis, in the file's frame, and a warning if the properties leave it open. */
function chooseAxis(
  shape: Shape3,
  properties: ExportProperties,
  options: ExportOptions,
): { axis: number | null; warnings: ExportWarning[] } {
  const { original_spacing } = properties;
  const target = properties.spacing_after_resampling ?? original_spacing;
  const force = options.forceSeparateZ ?? null;
  const axisFor = (forward: Axes3): number | null =>
    separateAxis(original_spacing, permute(target, inverseAxes(forward)), { ...SEPARATE_AXIS, force });
  if (options.untransposedTargetAxis === true) return { axis: axisFor(IDENTITY), warnings: [] };
  if (options.transposeForward !== undefined) return { axis: axisFor(options.transposeForward), warnings: [] };
  const possible = possibleTransposes(properties, shape);
  const axes = (possible.length > 0 ? possible : [IDENTITY]).map(axisFor);
  const axis = axes[0];
  if (axes.every((other) => other === axis)) return { axis, warnings: [] };
  const message =
    `transpose_forward may be ${possible.map((forward) => `[${forward.join(", ")}]`).join(" or ")}, and the axis that is ` +
    `resampled on its own depends on it; ${axis} is taken. Give transpose_forward from the plans`;
  return { axis, warnings: [{ code: "AXES_UNCERTAIN", message, detail: { possible, axis } }] };
}

/** Where the probabilities belong in the scan: nnU-Net's box from its lower corner on, as far as the scan goes. */
function boxInScan(shape: Shape3, properties: ExportProperties): Box3 {
  const before = properties.original_size_of_raw_data;
  const after = required(properties.size_after_cropping, "size_after_cropping");
  // Some versions store probabilities that are pasted into the scan already, and leave the sizes as they were.
  const uncropped = sameShape(shape, before) && !sameShape(shape, after);
  const box = uncropped ? undefined : properties.crop_bbox;
  const size = uncropped ? before : after;
  return [0, 1, 2].map((axis) => {
    const low = box?.[axis]?.[0] ?? 0;
    return [low, low + size[axis]] as const;
  }) as unknown as Box3;
}

/** Everything that restoring needs, from the case's properties. */
function settingsFor(
  source: Probabilities,
  properties: ExportProperties,
  options: ExportOptions,
): { settings: RestoreSettings<"uint8">; warnings: ExportWarning[] } {
  const { transposed = false, transposeForward } = options;
  if (transposed && transposeForward === undefined) {
    throw new NnprepError(
      "INVALID_ARGUMENT",
      "probabilities in the network's axes need transposeForward, which the plans have as transpose_forward",
    );
  }
  const axes = transposed ? (transposeForward as Axes3) : IDENTITY;
  const shape = permute(source.shape, inverseAxes(axes));
  const { axis, warnings } = chooseAxis(shape, properties, options);
  const regions = options.regions === undefined ? properties.regions_class_order : (options.regions ?? undefined);
  return {
    settings: {
      shape: properties.original_size_of_raw_data,
      box: boxInScan(shape, properties),
      separateAxis: axis,
      axes,
      regions: regions === undefined ? undefined : { labels: regions, threshold: REGION_THRESHOLD },
      labelType: "uint8",
      precision: options.precision,
      onProgress: options.onProgress,
      signal: options.signal,
    },
    warnings,
  };
}

function checkFits(source: Probabilities, properties: ExportProperties, settings: RestoreSettings): void {
  const box = settings.box.map(([low, high]) => high - low);
  const expected = properties.size_after_resampling;
  if (expected === undefined) return;
  const found = permute(source.shape, inverseAxes(settings.axes ?? IDENTITY));
  const sorted = (shape: readonly number[]) => [...shape].sort((a, b) => a - b).join();
  // The sizes are in the network's axes, the probabilities perhaps in the file's: only the set of sizes is certain.
  if (sorted(found) === sorted(expected) || found.every((n, axis) => n === box[axis])) return;
  throw new NnprepError(
    "SHAPE_MISMATCH",
    `probabilities of shape ${formatShape(found)} do not belong to these properties: ${formatShape(expected)} after ` +
      `resampling (in the network's axes) or ${formatShape(box)} after cropping is expected`,
    { found, expected: [...expected] },
  );
}

/**
 * Probabilities of one case to a segmentation on its scan: `save_segmentation_nifti_from_softmax` of nnU-Net 1.7.1,
 * the same label in every voxel, without ever holding the resampled probabilities. Write it with `formatNifti`.
 *
 * @throws NnprepError SHAPE_MISMATCH if the probabilities do not belong to the properties, UNSUPPORTED for labels above
 * 255, CORRUPT_FILE if the properties lack a key, ABORTED
 */
export async function exportSegmentation(
  probabilities: Probabilities,
  properties: ExportProperties,
  options: ExportOptions = {},
): Promise<ExportedSegmentation> {
  const { settings, warnings } = settingsFor(probabilities, properties, options);
  checkFits(probabilities, properties, settings);
  const { labels, range } = await restoreLabels(probabilities, settings);
  if (!range.finite) {
    const message =
      "there are NaN or infinite values among the probabilities; where they are, the result means nothing";
    warnings.push({ code: "NOT_FINITE", message, detail: {} });
  } else if (range.lowest < -SLACK || range.largestMagnitude > 1 + SLACK) {
    const message = `values from ${range.lowest} to a magnitude of ${range.largestMagnitude} are no probabilities, which lie in [0, 1]; are they logits?`;
    warnings.push({ code: "NO_PROBABILITIES", message, detail: { ...range } });
  }
  const [x, y, z] = properties.itk_spacing;
  const segmentation: Volume<Uint8Array> = {
    data: labels,
    shape: properties.original_size_of_raw_data,
    geometry: {
      spacingMm: [z, y, x],
      originMm: properties.itk_origin,
      direction: properties.itk_direction as Volume["geometry"]["direction"],
    },
  };
  return { segmentation, warnings };
}

/**
 * The probabilities on the scan's voxels inside the crop box, class after class: what nnU-Net's `--save_npz` holds
 * before it rounds to float16. `shape` is that of each class.
 */
export function exportProbabilities(
  probabilities: Probabilities,
  properties: ExportProperties,
  options: ExportOptions = {},
): { readonly shape: Shape3; readonly classes: AsyncGenerator<Float32Array, void, undefined> } {
  const { settings } = settingsFor(probabilities, properties, options);
  checkFits(probabilities, properties, settings);
  const shape = settings.box.map(([low, high]: readonly [number, number]) => high - low) as unknown as Shape3;
  return { shape, classes: restoreProbabilities(probabilities, settings) };
}
