import { NnprepError } from "../../../core/errors.js";
import { NdArray, PyDict, PyFloat, PyTuple, type PyValue } from "../../../core/python.js";
import type { Box3, Shape3, Vec3 } from "../../../core/volume.js";
import type { WholeEntries } from "./fingerprint.js";
import type { Region } from "./labels.js";

/** What SimpleITK says of a file's grid: x, y, z, patient coordinates (LPS); 2-D and 4-D files have 2 and 4 entries. */
export interface SitkProperties {
  readonly spacing: readonly number[];
  readonly origin: readonly number[];
  /** Row-major square matrix, as `GetDirection()`. */
  readonly direction: readonly number[];
  /** Only of the reader that reorients: where each axis increased, such as "LPS". */
  readonly originalOrientation?: string;
}

/** What nibabel says of a file's grid: row-major 4x4 from voxels (x, y, z) to RAS. */
export interface NibabelProperties {
  readonly originalAffine: readonly number[];
  /** Only of the reader that reorients. */
  readonly reorientedAffine?: readonly number[];
}

/** Sampled voxels of one label or region, in the transposed, resampled frame. */
export interface ClassLocations {
  readonly region: Region;
  /** Flat triples (a0, a1, a2); empty if the case has none. */
  readonly voxels: Int32Array;
}

/** What the reader says of a case. */
export interface ReaderProperties {
  readonly sitk?: SitkProperties;
  readonly nibabel?: NibabelProperties;
  /** mm, slowest axis of the file first. */
  readonly spacingMm: Vec3;
  /** Which of them are Python ints (images without a spacing); default none. */
  readonly wholeSpacing?: WholeEntries;
}

/** `ID.pkl`: what nnU-Net v2 keeps beside every preprocessed case, and beside saved probabilities. */
export interface CaseProperties extends ReaderProperties {
  /** Transposed axes. */
  readonly shapeBeforeCropping: Shape3;
  /** Box of the non-zero region, transposed axes. */
  readonly bbox: Box3;
  /** Transposed axes. */
  readonly shapeAfterCropping: Shape3;
  /** Of cases with a label, in nnU-Net's order. */
  readonly classLocations?: readonly ClassLocations[];
}

function floats(values: readonly number[]): PyFloat[] {
  return values.map((value) => new PyFloat(value));
}

function matrix(values: readonly number[]): NdArray {
  return new NdArray(Float64Array.from(values), [4, 4]);
}

function sitkToPython({ spacing, origin, direction, originalOrientation }: SitkProperties): PyDict {
  const tuple = (values: readonly number[]) => new PyTuple(floats(values));
  const dict = new PyDict([
    ["spacing", tuple(spacing)],
    ["origin", tuple(origin)],
    ["direction", tuple(direction)],
  ]);
  if (originalOrientation !== undefined) dict.entries.push(["original_orientation", originalOrientation]);
  return dict;
}

function nibabelToPython({ originalAffine, reorientedAffine }: NibabelProperties): PyDict {
  const dict = new PyDict([["original_affine", matrix(originalAffine)]]);
  if (reorientedAffine !== undefined) dict.entries.push(["reoriented_affine", matrix(reorientedAffine)]);
  return dict;
}

/** int64[n, 4], whose first column is the channel of the label array, 0; nnU-Net writes [] for none. */
function locationsToPython(locations: readonly ClassLocations[]): PyDict {
  const rows = (voxels: Int32Array): PyValue => {
    const count = voxels.length / 3;
    if (count === 0) return [];
    const data = new BigInt64Array(count * 4);
    for (let i = 0; i < count; i++) {
      for (let axis = 0; axis < 3; axis++) data[4 * i + 1 + axis] = BigInt(voxels[3 * i + axis]);
    }
    return new NdArray(data, [count, 4]);
  };
  return new PyDict(
    locations.map(({ region, voxels }) => [
      typeof region === "number" ? region : new PyTuple([...region]),
      rows(voxels),
    ]),
  );
}

/** The dict that nnU-Net pickles: same keys and order; numbers are Python's own where nnU-Net leaves NumPy's. */
export function propertiesToPython(properties: CaseProperties): PyDict {
  const { sitk, nibabel, spacingMm, wholeSpacing, classLocations } = properties;
  const dict = new PyDict();
  const add = (key: string, value: PyValue) => dict.entries.push([key, value]);
  if (sitk !== undefined) add("sitk_stuff", sitkToPython(sitk));
  if (nibabel !== undefined) add("nibabel_stuff", nibabelToPython(nibabel));
  add(
    "spacing",
    spacingMm.map((mm, i) => (wholeSpacing?.[i] === true ? mm : new PyFloat(mm))),
  );
  add("shape_before_cropping", new PyTuple([...properties.shapeBeforeCropping]));
  add(
    "bbox_used_for_cropping",
    properties.bbox.map(([low, high]) => [low, high]),
  );
  add("shape_after_cropping_and_before_resampling", new PyTuple([...properties.shapeAfterCropping]));
  if (classLocations !== undefined) add("class_locations", locationsToPython(classLocations));
  return dict;
}

function wrong(key: string, expected: string): NnprepError {
  return new NnprepError("CORRUPT_FILE", `properties: "${key}" is not ${expected}; preprocess the case again`, {
    key,
    expected,
  });
}

function itemsOf(value: PyValue): readonly PyValue[] | undefined {
  if (value instanceof PyTuple) return value.items;
  return Array.isArray(value) ? (value as readonly PyValue[]) : undefined;
}

/** Python's and NumPy's scalars. */
function scalarOf(value: PyValue): number | undefined {
  if (typeof value === "number" || typeof value === "bigint") return Number(value);
  if (value instanceof PyFloat) return value.value;
  return value instanceof NdArray && value.shape.length === 0 ? Number(value.data[0]) : undefined;
}

function numbersOf(value: PyValue, key: string, count?: number): number[] {
  const numbers =
    value instanceof NdArray
      ? Array.from(value.data as ArrayLike<number | bigint>, Number)
      : itemsOf(value)?.map(scalarOf);
  if (numbers === undefined || numbers.includes(undefined) || (count !== undefined && numbers.length !== count)) {
    throw wrong(key, count === undefined ? "a list of numbers" : `${count} numbers`);
  }
  return numbers as number[];
}

function dictOf(value: PyValue, key: string): PyDict {
  if (value instanceof PyDict) return value;
  throw wrong(key, "a dict");
}

function sitkFromPython(value: PyValue): SitkProperties {
  const dict = dictOf(value, "sitk_stuff");
  const at = (key: string) => numbersOf(dict.get(key) ?? null, `sitk_stuff.${key}`);
  const orientation = dict.get("original_orientation");
  return {
    spacing: at("spacing"),
    origin: at("origin"),
    direction: at("direction"),
    ...(typeof orientation === "string" ? { originalOrientation: orientation } : {}),
  };
}

function nibabelFromPython(value: PyValue): NibabelProperties {
  const dict = dictOf(value, "nibabel_stuff");
  const reoriented = dict.get("reoriented_affine");
  return {
    originalAffine: numbersOf(dict.get("original_affine") ?? null, "nibabel_stuff.original_affine", 16),
    ...(reoriented === undefined
      ? {}
      : { reorientedAffine: numbersOf(reoriented, "nibabel_stuff.reoriented_affine", 16) }),
  };
}

/** Triples of rows (channel, a0, a1, a2), whose channel is always 0. */
function triplesOf(value: PyValue, key: string): Int32Array {
  if (itemsOf(value)?.length === 0) return new Int32Array(0);
  if (!(value instanceof NdArray) || value.shape.length !== 2 || value.shape[1] !== 4) {
    throw wrong(key, "a dict {class: array of shape (n, 4)}");
  }
  const count = value.shape[0];
  const voxels = new Int32Array(count * 3);
  for (let i = 0; i < count; i++) {
    for (let axis = 0; axis < 3; axis++) voxels[3 * i + axis] = Number(value.data[4 * i + 1 + axis]);
  }
  return voxels;
}

function locationsFromPython(value: PyValue): ClassLocations[] {
  const key = "class_locations";
  return dictOf(value, key).entries.map(([name, rows]) => ({
    region: scalarOf(name) ?? numbersOf(name, key),
    voxels: triplesOf(rows, key),
  }));
}

function isPyInt(value: PyValue): boolean {
  if (value instanceof NdArray) return !(value.data instanceof Float64Array || value.data instanceof Float32Array);
  return typeof value === "bigint" || Number.isInteger(value);
}

const REQUIRED = [
  "spacing",
  "shape_before_cropping",
  "bbox_used_for_cropping",
  "shape_after_cropping_and_before_resampling",
] as const;

/**
 * Properties out of the dict of a `.pkl`, Python's or ours; other keys are ignored.
 * @throws NnprepError CORRUPT_FILE that names the key that is missing or of another kind.
 */
export function propertiesFromPython(value: PyValue): CaseProperties {
  if (!(value instanceof PyDict)) {
    throw new NnprepError("CORRUPT_FILE", "properties: a pickled dict is expected; is this a case's .pkl file?");
  }
  const missing = REQUIRED.filter((key) => value.get(key) === undefined);
  if (missing.length > 0) {
    const hint = value.get("itk_spacing") === undefined ? "" : ". This looks like the .pkl of a case of nnU-Net v1";
    throw new NnprepError(
      "CORRUPT_FILE",
      `properties: key ${missing.map((key) => `"${key}"`).join(", ")} is missing${hint}`,
      { missing },
    );
  }
  const at = (key: (typeof REQUIRED)[number]) => value.get(key) as PyValue;
  const triple = (key: (typeof REQUIRED)[number]) => numbersOf(at(key), key, 3) as unknown as Vec3;
  const bounds = itemsOf(at("bbox_used_for_cropping"));
  if (bounds?.length !== 3) throw wrong("bbox_used_for_cropping", "three pairs [low, high]");
  const [sitk, nibabel] = [value.get("sitk_stuff"), value.get("nibabel_stuff")];
  const whole = itemsOf(at("spacing"))?.map(isPyInt);
  const locations = value.get("class_locations");
  return {
    ...(sitk === undefined ? {} : { sitk: sitkFromPython(sitk) }),
    ...(nibabel === undefined ? {} : { nibabel: nibabelFromPython(nibabel) }),
    spacingMm: triple("spacing"),
    ...(whole?.includes(true) === true ? { wholeSpacing: whole as unknown as WholeEntries } : {}),
    shapeBeforeCropping: triple("shape_before_cropping"),
    bbox: bounds.map((item) => numbersOf(item, "bbox_used_for_cropping", 2)) as unknown as Box3,
    shapeAfterCropping: triple("shape_after_cropping_and_before_resampling"),
    ...(locations === undefined ? {} : { classLocations: locationsFromPython(locations) }),
  };
}
