import { NnprepError } from "../../../core/errors.js";
import { NdArray, PyDict, PyFloat, PyTuple, type PyValue } from "../../../core/python.js";
import type { Vec3 } from "../../../core/volume.js";

/** Half-open [low, high) per axis. */
type Bounds = readonly [number, number];

/**
 * What nnU-Net v1 keeps beside every case (`ID.pkl`), under its own keys. Reading fills the first seven, cropping the
 * next three, planning `use_nonzero_mask_for_norm`, preprocessing the rest.
 */
export interface CaseProperties {
  /** Voxels before cropping, slowest axis first, not transposed. */
  readonly original_size_of_raw_data: Vec3;
  /** Spacing in mm, slowest axis first, not transposed. */
  readonly original_spacing: Vec3;
  readonly list_of_data_files: readonly string[];
  readonly seg_file: string | null;
  /** x, y, z in mm, patient coordinates (LPS). */
  readonly itk_origin: Vec3;
  /** x, y, z in mm. */
  readonly itk_spacing: Vec3;
  /** Row-major 3x3, as ITK's `GetDirection()`. */
  readonly itk_direction: readonly number[];
  /** Box of the non-zero region, slowest axis first, not transposed. */
  readonly crop_bbox?: readonly [Bounds, Bounds, Bounds];
  /** Distinct values of the cropped label, ascending, with -1 for "outside the mask". */
  readonly classes?: readonly number[];
  /** Slowest axis first, not transposed. */
  readonly size_after_cropping?: Vec3;
  /** Per channel. */
  readonly use_nonzero_mask_for_norm?: readonly boolean[];
  /** Transposed axes. */
  readonly size_after_resampling?: Vec3;
  /** mm, transposed axes. */
  readonly spacing_after_resampling?: Vec3;
  /** Per class the sampled voxels, flat triples (a0, a1, a2) in the transposed, resampled frame; may be empty. */
  readonly class_locations?: ReadonlyMap<number, Int32Array>;
  readonly regions_class_order?: readonly number[];
}

type Key = keyof CaseProperties;

/** Insertion order of nnU-Net, and how each value becomes a Python one. */
const WRITERS: { readonly [K in Key]-?: (value: NonNullable<CaseProperties[K]>) => PyValue } = {
  original_size_of_raw_data: int64Array,
  original_spacing: float64Array,
  list_of_data_files: (files) => [...files],
  seg_file: (file) => file,
  itk_origin: floatTuple,
  itk_spacing: floatTuple,
  itk_direction: floatTuple,
  crop_bbox: (box) => box.map(([low, high]) => [low, high]),
  classes: (classes) => new NdArray(Float32Array.from(classes), [classes.length]),
  size_after_cropping: (size) => new PyTuple(size),
  use_nonzero_mask_for_norm: (masks) =>
    new PyDict(
      masks.map((mask, channel) => [channel, mask] as const),
      true,
    ),
  size_after_resampling: (size) => new PyTuple(size),
  spacing_after_resampling: float64Array,
  class_locations: (locations) => new PyDict([...locations].map(([label, triples]) => [label, locationArray(triples)])),
  regions_class_order: (order) => [...order],
};

function int64Array(values: readonly number[]): NdArray {
  return new NdArray(BigInt64Array.from(values, BigInt), [values.length]);
}

function float64Array(values: readonly number[]): NdArray {
  return new NdArray(Float64Array.from(values), [values.length]);
}

function floatTuple(values: readonly number[]): PyTuple {
  return new PyTuple(values.map((value) => new PyFloat(value)));
}

/** nnU-Net writes an empty list for a class that a case does not have. */
function locationArray(triples: Int32Array): PyValue {
  if (triples.length === 0) return [];
  return new NdArray(BigInt64Array.from(triples, BigInt), [triples.length / 3, 3]);
}

/** The properties as nnU-Net holds them: same keys, order and Python types. Keys that are not set are left out. */
export function propertiesToPython(properties: CaseProperties): PyDict {
  const dict = new PyDict([], true);
  for (const key of Object.keys(WRITERS) as Key[]) {
    const value = properties[key];
    // seg_file is None when there is no label, and still a key.
    if (value !== undefined) dict.entries.push([key, (WRITERS[key] as (value: unknown) => PyValue)(value)]);
  }
  return dict;
}

function wrong(key: string, expected: string): NnprepError {
  return new NnprepError("CORRUPT_FILE", `properties: "${key}" is not ${expected}; preprocess the case again`, {
    key,
    expected,
  });
}

/** Numbers of an int, a float, or a sequence of them. */
function numbersOf(key: string, value: PyValue): number[] {
  if (typeof value === "number" || typeof value === "bigint") return [Number(value)];
  if (value instanceof PyFloat) return [value.value];
  if (value instanceof NdArray) return Array.from(value.data as ArrayLike<number | bigint>, Number);
  const items = value instanceof PyTuple ? value.items : value;
  if (!Array.isArray(items)) throw wrong(key, "a sequence of numbers");
  return (items as PyValue[]).flatMap((item) => {
    const numbers = numbersOf(key, item);
    if (numbers.length !== 1) throw wrong(key, "a flat sequence of numbers");
    return numbers;
  });
}

function vector(key: string, value: PyValue): [number, number, number] {
  const numbers = numbersOf(key, value);
  if (numbers.length !== 3) throw wrong(key, "three numbers");
  return numbers as [number, number, number];
}

function itemsOf(key: string, value: PyValue): readonly PyValue[] {
  const items = value instanceof PyTuple ? value.items : value;
  if (!Array.isArray(items)) throw wrong(key, "a list");
  return items as readonly PyValue[];
}

function box(key: string, value: PyValue): [Bounds, Bounds, Bounds] {
  const bounds = itemsOf(key, value).map((item) => numbersOf(key, item));
  if (bounds.length !== 3 || bounds.some((b) => b.length !== 2)) throw wrong(key, "three pairs [low, high]");
  return bounds as unknown as [Bounds, Bounds, Bounds];
}

function strings(key: string, value: PyValue): string[] {
  const items = itemsOf(key, value);
  if (items.some((item) => typeof item !== "string")) throw wrong(key, "a list of strings");
  return items as string[];
}

function entriesOf(key: string, value: PyValue): [number, PyValue][] {
  if (!(value instanceof PyDict)) throw wrong(key, "a dict");
  return value.entries.map(([k, v]) => {
    const numbers = numbersOf(key, k);
    if (numbers.length !== 1) throw wrong(key, "a dict with whole numbers as keys");
    return [numbers[0], v];
  });
}

function masks(key: string, value: PyValue): boolean[] {
  return entriesOf(key, value).map(([channel, mask], i) => {
    if (channel !== i || typeof mask !== "boolean") throw wrong(key, "a dict {0: bool, 1: bool, ...}");
    return mask;
  });
}

function locations(key: string, value: PyValue): Map<number, Int32Array> {
  return new Map(
    entriesOf(key, value).map(([label, triples]) => {
      if (Array.isArray(triples) && triples.length === 0) return [label, new Int32Array(0)] as const;
      if (!(triples instanceof NdArray) || triples.shape.length !== 2 || triples.shape[1] !== 3) {
        throw wrong(key, "a dict {class: array of shape (n, 3)}");
      }
      return [label, Int32Array.from(triples.data as ArrayLike<number | bigint>, Number)] as const;
    }),
  );
}

/** How each value is read; lists, tuples and arrays of any dtype are taken for one another. */
const READERS: { readonly [K in Key]-?: (key: string, value: PyValue) => NonNullable<CaseProperties[K]> | null } = {
  original_size_of_raw_data: vector,
  original_spacing: vector,
  list_of_data_files: strings,
  seg_file: (key, value) => {
    if (value !== null && typeof value !== "string") throw wrong(key, "a path or None");
    return value;
  },
  itk_origin: vector,
  itk_spacing: vector,
  itk_direction: (key, value) => {
    const numbers = numbersOf(key, value);
    if (numbers.length !== 9) throw wrong(key, "nine numbers");
    return numbers;
  },
  crop_bbox: box,
  classes: numbersOf,
  size_after_cropping: vector,
  use_nonzero_mask_for_norm: masks,
  size_after_resampling: vector,
  spacing_after_resampling: vector,
  class_locations: locations,
  regions_class_order: numbersOf,
};

const REQUIRED: readonly Key[] = [
  "original_size_of_raw_data",
  "original_spacing",
  "list_of_data_files",
  "seg_file",
  "itk_origin",
  "itk_spacing",
  "itk_direction",
];

/** Properties out of a Python dict; other keys are ignored. Throws CORRUPT_FILE that names the key. */
export function propertiesFromPython(value: PyValue): CaseProperties {
  if (!(value instanceof PyDict)) {
    throw new NnprepError("CORRUPT_FILE", "properties: a pickled dict is expected; is this a case's .pkl file?");
  }
  const missing = REQUIRED.filter((key) => value.get(key) === undefined);
  if (missing.length > 0) {
    throw new NnprepError("CORRUPT_FILE", `properties: key ${missing.map((key) => `"${key}"`).join(", ")} is missing`, {
      missing,
    });
  }
  const properties: Partial<Record<Key, unknown>> = {};
  for (const key of Object.keys(READERS) as Key[]) {
    const found = value.get(key);
    if (found !== undefined) properties[key] = READERS[key](key, found);
  }
  return properties as unknown as CaseProperties;
}
