import { boxShape, crop, cropInPlace } from "../core/axes.js";
import { NnprepError } from "../core/errors.js";
import {
  type Box3,
  type CaseArrays,
  checkLength,
  formatShape,
  type Shape3,
  sameShape,
  voxelCount,
} from "../core/volume.js";
import { fillHoles } from "../kernels/components/fill-holes.js";
import { boundingBox, markOutside, nonzeroUnion } from "../kernels/nonzero.js";
import { withScratch } from "../runtime/scratch.js";

/** A case whose label is there. */
export interface LabelledCaseArrays extends CaseArrays {
  readonly label: Int16Array;
}

/** Arrays cut to a box, and the box. */
export interface CroppedCase {
  /**
   * Copies, or views of the input where that was given up; the input's own channels where nothing is cut. Label -1 marks
   * voxels outside the non-zero mask.
   */
  readonly arrays: LabelledCaseArrays;
  /** Where the arrays lay in the uncropped grid. */
  readonly box: Box3;
  /** Ascending labels of the cropped case, -1 and smaller ones included: nnU-Net's property `classes`. */
  readonly classes: number[];
}

/** What generations of nnU-Net do otherwise when they crop. */
export interface CropRules {
  /** An image that is 0 everywhere: refused, or kept whole. */
  readonly emptyImage: "refuse" | "keep";
  /** Labels below this become 0 after voxels outside the mask have become -1. */
  readonly leastLabel: number;
  /** Gets the number of each channel with a NaN or an infinity, before anything is cut. */
  readonly onNonFinite?: (channel: number) => void;
}

/**
 * Voxels that are not 0 in some channel, with holes filled: nnU-Net's `create_nonzero_mask`.
 *
 * @returns 1 or 0 per voxel, C order
 */
export function nonzeroMask(
  channels: readonly Float32Array[],
  shape: Shape3,
  destination: Uint8Array = new Uint8Array(voxelCount(shape)),
  onNonFinite?: (channel: number) => void,
): Uint8Array {
  const mask = nonzeroUnion(channels, shape, destination, onNonFinite);
  return fillHoles(mask, shape, mask);
}

/**
 * Crops a case to the bounding box of its non-zero mask, as `ImageCropper.crop` of nnU-Net v1 and `crop_to_nonzero` of
 * v2 do: label 0 becomes -1 outside the mask, labels outside the box are lost. A case without a label gets one that is 0
 * inside the mask and -1 outside.
 *
 * @param arrays left as they are, unless `inPlace`
 * @param inPlace the input is given up: the result lies in its memory, and no volume is there twice
 * @throws NnprepError EMPTY_IMAGE if every voxel of every channel is 0 and that is refused, SHAPE_MISMATCH, INVALID_ARGUMENT
 */
export function cropToNonzero(arrays: CaseArrays, rules: CropRules, inPlace = false): CroppedCase {
  if (arrays.label !== null) checkLength("label", arrays.label, arrays.shape);
  const voxels = voxelCount(arrays.shape);
  return withScratch(Math.ceil(voxels / Float64Array.BYTES_PER_ELEMENT), ({ buffer, byteOffset }) => {
    const room = new Uint8Array(buffer, byteOffset, voxels);
    return cropToMask(arrays, nonzeroMask(arrays.channels, arrays.shape, room, rules.onNonFinite), rules, inPlace);
  });
}

/** `mask` is overwritten. */
function cropToMask(arrays: CaseArrays, mask: Uint8Array, rules: CropRules, inPlace: boolean): CroppedCase {
  const { channels, label, shape } = arrays;
  const found = boundingBox(mask, shape);
  if (found === null && rules.emptyImage === "refuse") {
    throw new NnprepError(
      "EMPTY_IMAGE",
      `every voxel of the image of shape ${formatShape(shape)} is 0, so there is nothing to crop to; check the file or leave the case out`,
      { shape: [...shape], channels: channels.length },
    );
  }
  const box: Box3 = found ?? [
    [0, shape[0]],
    [0, shape[1]],
    [0, shape[2]],
  ];
  const cut = inPlace ? cropInPlace : crop;
  const croppedShape = boxShape(box);
  const whole = sameShape(croppedShape, shape);
  const inside = cropInPlace(mask, shape, box);
  // Where nothing is cut, marking makes the copy.
  const source = whole && !inPlace ? label : null;
  const cropped = label === null || source !== null ? new Int16Array(inside.length) : cut(label, shape, box);
  const classes = markOutside(source ?? cropped, inside, rules.leastLabel, cropped);
  return {
    arrays: {
      channels: whole ? channels : channels.map((c) => cut(c, shape, box)),
      label: cropped,
      shape: croppedShape,
    },
    box,
    classes,
  };
}
