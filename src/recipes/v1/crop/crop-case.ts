import { NnprepError } from "../../../core/errors.js";
import { differingFields, FIELD_NAMES, NUMPY_CLOSENESS } from "../../../core/geometry.js";
import { type CaseArrays, formatShape, sameShape, type Volume } from "../../../core/volume.js";
import { wholeLabels } from "../../../kernels/clean.js";
import { cropToNonzero, type LabelledCaseArrays } from "../../../steps/crop.js";
import type { CaseProperties } from "../documents/properties.js";

/** One case as read: a volume per channel, in channel order, and the label of a training case. */
export interface CaseVolumes {
  readonly images: readonly Volume[];
  readonly label?: Volume | undefined;
  /** What messages and the properties call the files. */
  readonly files?: { readonly images: readonly string[]; readonly label: string | null } | undefined;
}

/** Properties of a case that has been cropped. */
export type CroppedProperties = CaseProperties &
  Required<Pick<CaseProperties, "crop_bbox" | "classes" | "size_after_cropping">>;

/** A cropped case, and what is known of where it was. */
export interface CroppedCaseResult {
  readonly arrays: LabelledCaseArrays;
  readonly properties: CroppedProperties;
}

/** @throws NnprepError CORRUPT_FILE if cropping has not written its keys */
export function asCropped(properties: CaseProperties): CroppedProperties {
  const missing = (["crop_bbox", "classes", "size_after_cropping"] as const).filter((key) => !(key in properties));
  if (missing.length === 0) return properties as CroppedProperties;
  throw new NnprepError("CORRUPT_FILE", `properties: ${missing.join(", ")} is missing; crop the case again`, {
    missing,
  });
}

/** nnU-Net 1.7.1 fails on empty images, and takes labels below -1 for mistakes. */
const CROP_RULES = { emptyImage: "refuse", leastLabel: -1 } as const;

/**
 * Stacks and crops one case: `ImageCropper.crop_from_list_of_files` of nnU-Net 1.7.1. All volumes must lie on the grid
 * of channel 0, which also gives the geometry; voxels become float32, labels int16.
 *
 * @param inPlace the voxels of `volumes` are given up: those that are float32, and the int16 label, make room for the
 * result
 * @throws NnprepError SHAPE_MISMATCH, GEOMETRY_MISMATCH, INVALID_VALUES for a label that is no whole number in the
 * int16 range, EMPTY_IMAGE if all voxels are 0, INVALID_ARGUMENT without any channel
 */
export function cropCase(volumes: CaseVolumes, inPlace = false): CroppedCaseResult {
  const { arrays, properties } = joinVolumes(volumes);
  const { arrays: cropped, box, classes } = cropToNonzero(arrays, CROP_RULES, inPlace);
  return {
    arrays: cropped,
    properties: { ...properties, crop_bbox: box, classes, size_after_cropping: cropped.shape },
  };
}

/**
 * The arrays of a case and what nnU-Net notes when it has read the files (`load_case_from_list_of_files`); all volumes
 * must lie on the grid of channel 0.
 * @throws NnprepError as `cropCase`
 */
export function joinVolumes(volumes: CaseVolumes): { arrays: CaseArrays; properties: CaseProperties } {
  const { images, label } = volumes;
  const [first] = images;
  if (first === undefined) {
    throw new NnprepError("INVALID_ARGUMENT", "a case without images was given; at least channel 0 is needed");
  }
  const names = nameFiles(volumes);
  for (const [channel, image] of images.entries()) {
    checkSameGrid(first, names.images[0], image, names.images[channel]);
  }
  if (label !== undefined) checkSameGrid(first, names.images[0], label, names.label as string);
  const arrays: CaseArrays = {
    channels: images.map(toFloat32),
    label: label === undefined ? null : toLabel(label, names.label as string),
    shape: first.shape,
  };
  const { spacingMm, originMm, direction } = first.geometry;
  const properties: CaseProperties = {
    original_size_of_raw_data: first.shape,
    original_spacing: spacingMm,
    list_of_data_files: names.images,
    seg_file: names.label,
    itk_origin: originMm,
    itk_spacing: [spacingMm[2], spacingMm[1], spacingMm[0]],
    itk_direction: direction,
  };
  return { arrays, properties };
}

function nameFiles({ images, label, files }: CaseVolumes): { images: string[]; label: string | null } {
  return {
    images: images.map((_, channel) => files?.images[channel] ?? `channel ${channel}`),
    label: label === undefined ? null : (files?.label ?? "label"),
  };
}

/** The voxels as float32; those that are already are not copied. */
export function toFloat32({ data }: Volume): Float32Array {
  return data instanceof Float32Array ? data : new Float32Array(data);
}

/** The label as int16, not copied if it is already. nnU-Net casts to float32, which would carry wrong values along in silence. */
export function toLabel({ data }: Volume, name: string): Int16Array {
  const label = wholeLabels(data);
  if (typeof label !== "number") return label;
  throw new NnprepError(
    "INVALID_VALUES",
    `${name}: the label has the value ${data[label]} at voxel ${label}; whole numbers from -32768 to 32767 are expected. ` +
      "Is it an image, or a probability map?",
    { file: name, found: data[label], voxel: label },
  );
}

function checkSameGrid(first: Volume, firstName: string, other: Volume, otherName: string): void {
  if (!sameShape(first.shape, other.shape)) {
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `${otherName}: shape ${formatShape(other.shape)}, but ${firstName} has ${formatShape(first.shape)}; ` +
        "resample it onto the grid of channel 0",
      { file: otherName, reference: firstName, found: [...other.shape], expected: [...first.shape] },
    );
  }
  const [field] = differingFields(other.geometry, first.geometry, NUMPY_CLOSENESS);
  if (field === undefined) return;
  const found = [...other.geometry[field]];
  const expected = [...first.geometry[field]];
  const { relative } = NUMPY_CLOSENESS;
  throw new NnprepError(
    "GEOMETRY_MISMATCH",
    `${otherName}: ${FIELD_NAMES[field]} ${formatShape(found)}, but ${firstName} has ${formatShape(expected)} (tolerance ` +
      `${relative} relative); resample it onto the grid of channel 0, or copy the header of channel 0 if only the header is wrong`,
    { file: otherName, reference: firstName, field, found, expected, tolerance: relative },
  );
}
