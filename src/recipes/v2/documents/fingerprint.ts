import { NnprepError } from "../../../core/errors.js";
import { PyFloat } from "../../../core/python.js";
import type { Shape3, Vec3 } from "../../../core/volume.js";
import { JsonFields } from "../../../io/json-fields.js";
import { type JsonDict, parseJsonDict } from "../../../io/ordered-json.js";
import { formatPythonJson, type PythonJson } from "../../../io/python-json.js";

/** Statistics of a channel's foreground intensities over the whole dataset, in the scans' own units. */
export interface IntensityStatistics {
  readonly max: number;
  readonly mean: number;
  readonly median: number;
  readonly min: number;
  readonly percentile005: number;
  readonly percentile995: number;
  /** Population standard deviation. */
  readonly std: number;
}

/** Which entries of a spacing are Python ints: those of images without a spacing of their own, else none. */
export type WholeEntries = readonly [boolean, boolean, boolean];

/**
 * dataset_fingerprint.json: what the planners of nnU-Net v2 know of a dataset. Lists run over the cases in the order of
 * the dataset; axes as in the files (slowest first, not transposed).
 */
export interface Fingerprint {
  /** mm per axis. */
  readonly spacings: readonly Vec3[];
  /** Per case; without, all entries are floats. */
  readonly wholeSpacings?: readonly (WholeEntries | undefined)[] | undefined;
  /** Voxels per axis. */
  readonly shapesAfterCrop: readonly Shape3[];
  /** By channel. */
  readonly intensities: readonly IntensityStatistics[];
  /** Median over the cases of the share of voxels that cropping leaves. */
  readonly medianRelativeSizeAfterCropping: number;
}

/** nnU-Net's names of the statistics. */
const STATISTICS = {
  max: "max",
  mean: "mean",
  median: "median",
  min: "min",
  percentile_00_5: "percentile005",
  percentile_99_5: "percentile995",
  std: "std",
} as const satisfies Record<string, keyof IntensityStatistics>;
type StatisticKey = keyof typeof STATISTICS;
const STATISTIC_KEYS = Object.keys(STATISTICS) as StatisticKey[];

/** Statistics by channel ("0", "1", ...) as fingerprint and plans hold them. */
export function intensitiesToJson(intensities: readonly IntensityStatistics[]): JsonDict {
  const channel = (statistics: IntensityStatistics) =>
    new Map(STATISTIC_KEYS.map((key) => [key, new PyFloat(statistics[STATISTICS[key]])]));
  return new Map(intensities.map((statistics, i) => [String(i), channel(statistics)]));
}

/**
 * Statistics by channel. Keys have to be "0", "1" and so on, in any order.
 * @throws NnprepError with the code of `fields`
 */
export function intensitiesFromJson(
  value: PythonJson | undefined,
  key: string,
  fields: JsonFields,
): IntensityStatistics[] {
  const channels = fields.dict(value, key);
  return Array.from({ length: channels.size }, (_, i) => {
    const dict = fields.dict(channels.get(String(i)), `${key}["${i}"]`);
    const at = (name: StatisticKey) => fields.number(dict.get(name), `${key}["${i}"].${name}`);
    return Object.fromEntries(
      STATISTIC_KEYS.map((name) => [STATISTICS[name], at(name)]),
    ) as unknown as IntensityStatistics;
  });
}

/** The content of dataset_fingerprint.json. */
export function fingerprintToJson(fingerprint: Fingerprint): JsonDict {
  const spacing = (mm: Vec3, i: number) =>
    mm.map((x, axis) => (fingerprint.wholeSpacings?.[i]?.[axis] === true ? x : new PyFloat(x)));
  return new Map<string, PythonJson>([
    ["foreground_intensity_properties_per_channel", intensitiesToJson(fingerprint.intensities)],
    ["median_relative_size_after_cropping", new PyFloat(fingerprint.medianRelativeSizeAfterCropping)],
    ["shapes_after_crop", fingerprint.shapesAfterCrop],
    ["spacings", fingerprint.spacings.map(spacing)],
  ]);
}

/** The text of dataset_fingerprint.json as nnU-Net writes it. */
export function formatFingerprint(fingerprint: Fingerprint): string {
  return formatPythonJson(fingerprintToJson(fingerprint), { indent: 4 });
}

const fields = new JsonFields("INVALID_DATASET");

/**
 * Reads the text of a dataset_fingerprint.json. Of its numbers only their kind is checked here; `planExperiment` looks
 * whether it can plan with them.
 *
 * @throws NnprepError INVALID_DATASET naming the key that is missing or of another kind.
 */
export function parseFingerprint(content: Uint8Array | string, file = "dataset_fingerprint.json"): Fingerprint {
  try {
    return readFingerprint(parseJsonDict(content));
  } catch (error) {
    throw error instanceof NnprepError ? error.inFile(file) : error;
  }
}

function readFingerprint(document: JsonDict): Fingerprint {
  const triples = <T>(key: string) =>
    fields.list(document.get(key), key, (item, k) => fields.vector(item, k, 3)) as unknown as T;
  const spacings = triples<Vec3[]>("spacings");
  const shapesAfterCrop = triples<Shape3[]>("shapes_after_crop");
  if (spacings.length !== shapesAfterCrop.length || spacings.length === 0) {
    throw new NnprepError(
      "INVALID_DATASET",
      `${spacings.length} spacings and ${shapesAfterCrop.length} shapes_after_crop found; expected one of each per ` +
        "case. Extract the fingerprint again",
      { found: [spacings.length, shapesAfterCrop.length] },
    );
  }
  const written = document.get("spacings") as readonly (readonly PythonJson[])[];
  const relativeSize = "median_relative_size_after_cropping";
  return {
    spacings,
    wholeSpacings: written.map((mm) => mm.map((x) => !(x instanceof PyFloat)) as unknown as WholeEntries),
    shapesAfterCrop,
    intensities: intensitiesFromJson(
      document.get("foreground_intensity_properties_per_channel"),
      "foreground_intensity_properties_per_channel",
      fields,
    ),
    medianRelativeSizeAfterCropping: fields.number(document.get(relativeSize), relativeSize),
  };
}
