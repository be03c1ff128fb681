import { NnprepError } from "../../../core/errors.js";
import { formatShape, type Shape3, sameShape, type VoxelArray } from "../../../core/volume.js";
import type { ScanFile } from "../../../io/scan-file.js";
import { wholeLabels } from "../../../kernels/clean.js";
import type { ImageReading, LabelReading } from "./reader.js";

/** What one file of a case gives. */
export interface FileReading<P> {
  readonly file: string;
  readonly channels: readonly VoxelArray[];
  readonly shape: Shape3;
  /** What the reader compares and keeps. */
  readonly place: P;
  readonly warnings: readonly string[];
}

/** `numpy.allclose(first, other)`: the tolerance is that of the other. */
export function isClose(first: readonly number[], other: readonly number[]): boolean {
  return (
    first.length === other.length &&
    first.every((a, i) => a === other[i] || Math.abs(a - other[i]) <= 1e-8 + 1e-5 * Math.abs(other[i]))
  );
}

/** Throws SHAPE_MISMATCH unless all files have as many channels, and as many voxels along each axis, as the first. */
export function checkShapes(readings: readonly FileReading<unknown>[]): void {
  const [first] = readings;
  for (const other of readings) {
    if (
      first === undefined ||
      (sameShape(first.shape, other.shape) && first.channels.length === other.channels.length)
    ) {
      continue;
    }
    const found = [other.channels.length, ...other.shape];
    const expected = [first.channels.length, ...first.shape];
    throw new NnprepError(
      "SHAPE_MISMATCH",
      `${other.file}: channels and shape ${formatShape(found)}, but ${first.file} has ${formatShape(expected)}; the files of a case must have one shape`,
      { file: other.file, reference: first.file, found, expected },
    );
  }
}

/** Throws GEOMETRY_MISMATCH unless `numbers` of every file are close to those of the first. */
export function checkNumbers<P>(
  readings: readonly FileReading<P>[],
  what: string,
  numbers: (place: P) => readonly number[],
): void {
  const other = findOther(readings, numbers);
  if (other === undefined) return;
  throw new NnprepError(
    "GEOMETRY_MISMATCH",
    `${describe(other, what, numbers)}; resample the files of a case to one grid`,
    {
      file: other[1].file,
      reference: other[0].file,
      found: [...numbers(other[1].place)],
      expected: [...numbers(other[0].place)],
      tolerance: 1e-5,
    },
  );
}

/** The sentence of nnU-Net's warning when `numbers` differ, which it takes from the first file. */
export function differenceWarnings<P>(
  readings: readonly FileReading<P>[],
  what: string,
  numbers: (place: P) => readonly number[],
): string[] {
  const other = findOther(readings, numbers);
  return other === undefined
    ? []
    : [`${describe(other, what, numbers)}; that of the first is taken: check that image and label lie on each other`];
}

type Pair<P> = readonly [FileReading<P>, FileReading<P>];

function findOther<P>(
  readings: readonly FileReading<P>[],
  numbers: (place: P) => readonly number[],
): Pair<P> | undefined {
  const [first] = readings;
  if (first === undefined) return undefined;
  const other = readings.find(({ place }) => !isClose(numbers(first.place), numbers(place)));
  return other === undefined ? undefined : [first, other];
}

function describe<P>([first, other]: Pair<P>, what: string, numbers: (place: P) => readonly number[]): string {
  return `${other.file}: ${what} ${formatShape(numbers(other.place))}, but ${first.file} has ${formatShape(numbers(first.place))}`;
}

/** Throws INVALID_ARGUMENT without a file. */
export function checkFiles(files: readonly ScanFile[]): void {
  if (files.length > 0) return;
  throw new NnprepError("INVALID_ARGUMENT", "a case without files was given; at least channel 0 is needed");
}

/** The voxels as float32, as nnU-Net casts them; not copied if they are already. */
export function toFloat32(data: VoxelArray): Float32Array {
  return data instanceof Float32Array ? data : new Float32Array(data);
}

/** All channels of all files, and their warnings with the files' names. */
export function joined<P>(readings: readonly FileReading<P>[]): Pick<ImageReading, "channels" | "shape" | "warnings"> {
  return {
    channels: readings.flatMap(({ channels }) => channels.map(toFloat32)),
    shape: readings[0].shape,
    warnings: readings.flatMap(({ file, warnings }) => warnings.map((warning) => `${file}: ${warning}`)),
  };
}

/** A label from what the reader gave of its file. */
export function labelOf(
  { file, channels, shape, warnings }: FileReading<unknown>,
  properties: LabelReading["properties"],
): LabelReading {
  if (channels.length !== 1) {
    throw new NnprepError(
      "INVALID_VALUES",
      `${file}: the label has ${channels.length} channels, one is expected; colours (of a palette too) are read as channels of their own. Save the label numbers as grey values`,
      { file, found: channels.length, expected: 1 },
    );
  }
  const values = channels[0];
  const label = wholeLabels(values);
  if (typeof label === "number") {
    throw new NnprepError(
      "INVALID_VALUES",
      `${file}: the label has the value ${values[label]} at voxel ${label}; whole numbers from -32768 to 32767 are expected. Is it an image, or a probability map?`,
      { file, found: values[label], voxel: label },
    );
  }
  return { label, shape, properties, warnings: warnings.map((warning) => `${file}: ${warning}`) };
}

/**
 * Labels in the type that nnU-Net writes: 8 bits, 16 if one is above 254. `most` is the largest that the format or the
 * class holds. Throws INVALID_VALUES, where nnU-Net writes other labels in silence.
 */
export function storedLabels(labels: VoxelArray, most: 255 | 65535 = 65535): Uint8Array | Uint16Array {
  let largest = 0;
  for (let i = 0; i < labels.length; i++) {
    const value = labels[i];
    if (!(value >= 0 && value <= most && Number.isInteger(value))) {
      throw new NnprepError("INVALID_VALUES", `label ${value} at voxel ${i} cannot be written; 0 to ${most} can`, {
        found: value,
        voxel: i,
        expected: most,
      });
    }
    if (value > largest) largest = value;
  }
  if (most === 255 || largest < 255) return labels instanceof Uint8Array ? labels : new Uint8Array(labels);
  return labels instanceof Uint16Array ? labels : new Uint16Array(labels);
}

/** Properties of another reader's case. */
export function otherReader(reader: string, expected: string): NnprepError {
  return new NnprepError(
    "INVALID_ARGUMENT",
    `the properties of the case have no ${expected}; ${reader} did not read it. Write with the reader that the plans name`,
    { expected },
  );
}
