import { boxShape, paste } from "../../../core/axes.js";
import { NnprepError } from "../../../core/errors.js";
import {
  type Box3,
  formatShape,
  type Geometry,
  type Shape3,
  sameShape,
  type Volume,
  type VoxelArray,
  voxelCount,
} from "../../../core/volume.js";
import type { LabelledCaseArrays } from "../../../steps/crop.js";
import type { CaseProperties } from "../documents/properties.js";
import { type CaseVolumes, type CroppedCaseResult, joinVolumes } from "./crop-case.js";

/** A case as volumes on the scan's grid. */
export interface UnstackedCase {
  readonly images: readonly Volume<Float32Array>[];
  /** uint8 where its values allow, else int16; null for a case whose properties name no label file. */
  readonly label: Volume<Uint8Array | Int16Array> | null;
}

/**
 * A case as `cropCase` gives it, but whole: `crop_bbox` is the scan's box. Without a label its channel is 0. Nothing is
 * marked by -1; a label with negative values is refused, for nnU-Net takes them for voxels outside of the image.
 *
 * @throws NnprepError as `cropCase`, but for EMPTY_IMAGE
 */
export function stackCase(volumes: CaseVolumes): CroppedCaseResult {
  const { arrays, properties } = joinVolumes(volumes);
  const label = arrays.label ?? new Int16Array(voxelCount(arrays.shape));
  const classes = [...new Set(label)].sort((a, b) => a - b);
  const lowest = classes[0];
  if (lowest < 0) {
    throw new NnprepError(
      "INVALID_VALUES",
      `${properties.seg_file}: the label has the value ${lowest}; in nnU-Net's arrays -1 is for voxels outside of the image, so 0 and above are expected. Crop the case, which sets such voxels, or correct the label`,
      { file: properties.seg_file, found: lowest, expected: 0 },
    );
  }
  const [n0, n1, n2] = arrays.shape;
  return {
    arrays: { ...arrays, label },
    properties: {
      ...properties,
      crop_bbox: [
        [0, n0],
        [0, n1],
        [0, n2],
      ],
      classes,
      size_after_cropping: arrays.shape,
    },
  };
}

/**
 * The volumes that a whole or a cropped case came from, on the scan's grid. What cropping cut off is 0; it was 0 in
 * every channel. Label -1, outside of nnU-Net's mask, becomes 0.
 *
 * @throws NnprepError UNSUPPORTED for a preprocessed case, SHAPE_MISMATCH for arrays that are not those of the properties
 */
export function unstackCase(arrays: LabelledCaseArrays, properties: CaseProperties): UnstackedCase {
  refusePreprocessed(properties);
  const shape = properties.original_size_of_raw_data;
  const box = boxOf(arrays.shape, properties);
  const geometry = {
    spacingMm: properties.original_spacing,
    originMm: properties.itk_origin,
    direction: properties.itk_direction as Geometry["direction"],
  };
  const place = <T extends VoxelArray>(part: T): Volume<T> => {
    if (sameShape(arrays.shape, shape)) return { data: part, shape, geometry };
    const data = new (part.constructor as new (length: number) => T)(voxelCount(shape));
    paste(data, shape, part, box);
    return { data, shape, geometry };
  };
  return {
    images: arrays.channels.map(place),
    label: properties.seg_file === null ? null : place(plainLabel(arrays.label)),
  };
}

function refusePreprocessed(properties: CaseProperties): void {
  const found = (["size_after_resampling", "spacing_after_resampling"] as const).filter((key) => key in properties);
  if (found.length === 0) return;
  throw new NnprepError(
    "UNSUPPORTED",
    `the case is preprocessed (its properties have ${found.join(", ")}): axes may be swapped, voxels are resampled and normalised, and the scan cannot be had from them. Take the case of the same name in nnUNet_cropped_data; labels that a network predicted are for nnprep export`,
    { found },
  );
}

/** Where the arrays lie in the scan. */
function boxOf(found: Shape3, properties: CaseProperties): Box3 {
  const whole = properties.original_size_of_raw_data;
  const box: Box3 = properties.crop_bbox ?? [
    [0, whole[0]],
    [0, whole[1]],
    [0, whole[2]],
  ];
  const expected = boxShape(box);
  const inside = box.every(([low, high], axis) => low >= 0 && low < high && high <= whole[axis]);
  if (inside && sameShape(found, expected)) return box;
  const swapped = [...found].sort().join() === [...expected].sort().join();
  throw new NnprepError(
    "SHAPE_MISMATCH",
    `the arrays have the shape ${formatShape(found)}, but the properties tell of ${formatShape(expected)} in a scan of ${formatShape(whole)}; ` +
      (inside && swapped
        ? "the axes are swapped: transpose the array back, or crop the case again"
        : "the .npz and the .pkl do not belong together: take both from one run"),
    { found: [...found], expected: [...expected], box: box.map((bounds) => [...bounds]) },
  );
}

function plainLabel(label: Int16Array): Uint8Array | Int16Array {
  const largest = label.reduce((a, b) => Math.max(a, b), 0);
  const plain = largest < 256 ? new Uint8Array(label.length) : new Int16Array(label.length);
  for (let i = 0; i < label.length; i++) plain[i] = Math.max(0, label[i]);
  return plain;
}
