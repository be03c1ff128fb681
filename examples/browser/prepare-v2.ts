import { type Box3, type Engine, NnprepError, type Shape3, type Vec3, type Volume } from "nnprep";
import { MemoryStore } from "nnprep/dataset";
import { formatPickle, NdArray, writeB2nd } from "nnprep/io";
import { inverseAxes, permute, separateAxis } from "nnprep/steps";
import {
  type CaseProperties,
  type Configuration,
  type DatasetJson,
  type ExportedSegmentation,
  exportSegmentation,
  type Labels,
  loadProbabilities,
  type Plans,
  preprocessCase,
  preprocessSettings,
  propertiesToPython,
  readerProperties,
} from "nnprep/v2";
import { capitalized, describeCase, type Prepared, type Restored, type Steps } from "./prepared.js";
import type { ReadCase } from "./read-case.js";

/* Preparation by nnU-Net v2, for one configuration of its plans. */

/** Readers that take the voxels as they lie in the file, as the page does. */
const PLAIN_READERS = ["SimpleITKIO", "NibabelIO"];

/** @throws NnprepError UNSUPPORTED */
export function checkReader({ readerName }: { readonly readerName: string }): void {
  if (PLAIN_READERS.includes(readerName)) return;
  throw new NnprepError(
    "UNSUPPORTED",
    `the plans read with ${readerName}, which this page does not have: it turns axes or reads pictures. Prepare such datasets with the command line (nnprep preprocess)`,
    { found: readerName, expected: PLAIN_READERS },
  );
}

/** Label values that dataset.json does not know. @throws NnprepError INVALID_VALUES */
function checkLabel({ label, files }: ReadCase, { labels }: DatasetJson): void {
  if (label === undefined) return;
  const known = new Set([...labels.all, ...(labels.ignore === null ? [] : [labels.ignore])]);
  const other = label.data.find((value) => !known.has(value));
  if (other === undefined) return;
  throw new NnprepError(
    "INVALID_VALUES",
    `the label has the value ${other}; dataset.json knows ${[...known].join(", ")}. Do label and dataset.json belong together?`,
    { file: files.label, found: other, expected: [...known] },
  );
}

/** Names of label values: of labels, or of the regions that are written as them. */
export function labelNames({ labelNames: names, labels }: DatasetJson): Map<number, string> {
  const { regions, regionsClassOrder } = labels;
  if (regions === null || regionsClassOrder === null) {
    return new Map([...names].flatMap(([name, value]) => (typeof value === "number" ? [[value, name]] : [])));
  }
  const ofRegions = [...names.keys()].filter((name) => name !== "background" && name !== "ignore");
  return new Map(regionsClassOrder.map((value, i) => [value, ofRegions[i] ?? ""]));
}

function spacingOf({ spacingMm }: Configuration, ofCase: Vec3): Vec3 {
  return (spacingMm.length === 2 ? [ofCase[0], ...spacingMm] : spacingMm) as unknown as Vec3;
}

function separateAxisOf({ resampleData: rule }: Configuration, from: Vec3, to: Vec3): number | null {
  if (rule.kind === "none") return null;
  return separateAxis(from, to, { force: rule.forceSeparateZ, threshold: rule.separateZThreshold });
}

export async function prepareV2(
  read: ReadCase,
  plans: Plans,
  dataset: DatasetJson,
  configuration: Configuration,
  engine: Engine,
  steps: Steps,
): Promise<Prepared> {
  checkReader(plans);
  checkLabel(read, dataset);
  const { name, images } = read;
  const image = images[0] as Volume;
  const { shape: scanShape, geometry: scanGeometry } = image;
  const arrays = {
    channels: images.map(({ data }) => (data instanceof Float32Array ? data : new Float32Array(data))),
    label: read.label === undefined ? null : Int16Array.from(read.label.data),
    shape: scanShape,
  };
  const settings = preprocessSettings(plans, configuration.name, dataset.labels);
  const done = await preprocessCase(arrays, readerProperties(image), settings, {
    resampler: engine,
    nanPolicy: "replace",
    onProgress: ({ step, done, total }) => steps.begin(done === total ? null : capitalized(step)),
  });
  const { channels, label, shape, properties } = done;
  const axes = plans.transposeForward;
  const ofCase = permute(scanGeometry.spacingMm as [number, number, number], axes);
  const target = spacingOf(configuration, ofCase);
  const facts = {
    generation: "v2",
    scan: { shape: scanShape, geometry: scanGeometry },
    box: permute(properties.bbox, inverseAxes(axes)) as Box3,
    axes,
    spacingMm: target,
    separateAxis: separateAxisOf(configuration, ofCase, target),
    schemes: configuration.normalization,
    useMask: configuration.useMaskForNorm,
    names: labelNames(dataset),
    warnings: done.warnings.map(({ message }) => message),
    threads: engine.threads,
  } as const;
  const { numbers, geometry } = describeCase(read, done, facts, steps);
  const onScan = (exported: ExportedSegmentation): Restored => ({
    segmentation: {
      data: exported.labels,
      shape: exported.shape,
      geometry: scanGeometry,
      niftiForms: image.niftiForms,
    },
    warnings: exported.warnings.map(({ message }) => message),
  });
  return {
    channels,
    label,
    shape,
    geometry,
    axes,
    numbers,
    file: (what) => formatFile(name, what, { channels, label, shape }, properties, configuration.patchSize),
    restore: async (probabilities, onShare) => {
      const labels = numbered(probabilities.classes);
      const onProgress = (i: number, total: number) => onShare(i / total);
      return onScan(
        await exportSegmentation(probabilities, properties, { plans, configuration, labels }, { onProgress }),
      );
    },
    restoreFile: async (file, bytes, onShare) => {
      const identifier = file.replace(/\.npz$/i, "");
      const store = new MemoryStore();
      await store.write(`${identifier}.npz`, bytes);
      const logits = await loadProbabilities(store, identifier, "logits");
      const onProgress = (i: number, total: number) => onShare(i / total);
      const target = { plans, configuration, labels: dataset.labels };
      return onScan(await exportSegmentation(logits, properties, target, { onProgress }));
    },
  };
}

/** Labels 0, 1, 2 ... without regions: what the classes of a restored label are. */
function numbered(classes: number): Labels {
  const all = Array.from({ length: classes }, (_, value) => value);
  return {
    all,
    foreground: all.slice(1),
    regions: null,
    regionsClassOrder: null,
    ignore: null,
    heads: classes,
    entries: classes,
  };
}

async function formatFile(
  name: string,
  what: "arrays" | "seg" | "properties",
  { channels, label, shape }: { channels: readonly Float32Array[]; label: Int16Array | null; shape: Shape3 },
  properties: CaseProperties,
  patchSize: readonly number[],
) {
  if (what === "properties") {
    return { name: `${name}.pkl`, blob: new Blob([formatPickle(propertiesToPython(properties)) as BlobPart]) };
  }
  if (what === "arrays") {
    const bytes = await writeB2nd({ chunks: channels, shape: [channels.length, ...shape] }, { patchSize });
    return { name: `${name}.b2nd`, blob: new Blob(bytes as BlobPart[]) };
  }
  if (label === null) throw new NnprepError("INVALID_ARGUMENT", "this case has no label");
  const bytes = await writeB2nd(new NdArray(label, [1, ...shape]), { patchSize });
  return { name: `${name}_seg.b2nd`, blob: new Blob(bytes as BlobPart[]) };
}
