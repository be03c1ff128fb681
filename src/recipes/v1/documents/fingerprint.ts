import { NdArray, PyDict, PyTuple, type PyValue } from "../../../core/python.js";
import type { Shape3, Vec3 } from "../../../core/volume.js";
import {
  float64Array,
  fromMap,
  toDict,
  toList,
  toNamedMap,
  toNumber,
  toNumberedMap,
  toNumbers,
  toText,
  toVec3,
} from "../../../io/python-fields.js";

/** Statistics of foreground intensities, in the scan's own units; NaN throughout without any voxel. */
export interface IntensityStatistics {
  readonly median: number;
  readonly mean: number;
  /** Population standard deviation. */
  readonly sd: number;
  readonly mn: number;
  readonly mx: number;
  readonly percentile_99_5: number;
  readonly percentile_00_5: number;
}

/** One channel's statistics over all cases pooled, and case by case. */
export interface ChannelIntensityProperties extends IntensityStatistics {
  /** Case identifier to that case's statistics. */
  readonly local_props: ReadonlyMap<string, IntensityStatistics>;
}

/** intensityproperties.pkl: channel number to its statistics. */
export type IntensityProperties = ReadonlyMap<number, ChannelIntensityProperties>;

/**
 * dataset_properties.pkl: what the planners of nnU-Net v1 know of a dataset. Lists run over the cropped cases in
 * nnU-Net's order; sizes and spacings are those of the files (slowest axis first, not transposed).
 */
export interface DatasetProperties {
  /** Voxels per axis after cropping. */
  readonly all_sizes: readonly Shape3[];
  /** mm per axis. */
  readonly all_spacings: readonly Vec3[];
  /** Label values above 0, in the order of dataset.json. */
  readonly all_classes: readonly number[];
  readonly modalities: ReadonlyMap<number, string>;
  /** null if no channel is a CT. */
  readonly intensityproperties: IntensityProperties | null;
  /** Case identifier to the share of voxels that cropping left. */
  readonly size_reductions: ReadonlyMap<string, number>;
}

const STATISTICS = ["median", "mean", "sd", "mn", "mx", "percentile_99_5", "percentile_00_5"] as const;

/** NumPy 2 gives float32 scalars for float32 voxels, and Python's nan without voxels. */
function fromStatistic(value: number): PyValue {
  if (Number.isNaN(value)) return value;
  return Math.fround(value) === value
    ? new NdArray(Float32Array.of(value), [])
    : new NdArray(Float64Array.of(value), []);
}

function fromStatistics(statistics: IntensityStatistics): (readonly [string, PyValue])[] {
  return STATISTICS.map((name) => [name, fromStatistic(statistics[name])] as const);
}

function toStatistics(value: PyValue, key: string): IntensityStatistics {
  const dict = toDict(value, key);
  const result = {} as Record<(typeof STATISTICS)[number], number>;
  for (const name of STATISTICS) result[name] = toNumber(dict.get(name), `${key}.${name}`);
  return result;
}

/** The dict that nnU-Net pickles as intensityproperties.pkl. */
export function intensityPropertiesToPython(properties: IntensityProperties): PyDict {
  const channel = (c: ChannelIntensityProperties) =>
    new PyDict(
      [["local_props", fromMap(c.local_props, (s) => new PyDict(fromStatistics(s), true), true)], ...fromStatistics(c)],
      true,
    );
  return fromMap(properties, channel, true);
}

/** @throws NnprepError INVALID_PLANS naming the key that is missing or of the wrong type. */
export function intensityPropertiesFromPython(value: PyValue, key = "intensityproperties"): IntensityProperties {
  return toNumberedMap(value, key, (item, itemKey) => ({
    ...toStatistics(item, itemKey),
    local_props: toNamedMap(toDict(item, itemKey).get("local_props"), `${itemKey}.local_props`, toStatistics),
  }));
}

/** The dict that nnU-Net pickles as dataset_properties.pkl. */
export function datasetPropertiesToPython(properties: DatasetProperties): PyDict {
  const { intensityproperties } = properties;
  return new PyDict([
    ["all_sizes", properties.all_sizes.map((size) => new PyTuple(size))],
    ["all_spacings", properties.all_spacings.map(float64Array)],
    ["all_classes", properties.all_classes],
    ["modalities", fromMap(properties.modalities, (name) => name)],
    ["intensityproperties", intensityproperties === null ? null : intensityPropertiesToPython(intensityproperties)],
    ["size_reductions", fromMap(properties.size_reductions, (x) => new NdArray(Float64Array.of(x), []), true)],
  ]);
}

/**
 * What `dataset_properties.pkl` holds, under the names of this library.
 *
 * @throws NnprepError INVALID_PLANS naming the key that is missing or of the wrong type.
 */
export function datasetPropertiesFromPython(value: PyValue): DatasetProperties {
  const dict = toDict(value, "dataset_properties");
  const intensity = dict.get("intensityproperties") ?? null;
  return {
    all_sizes: toList(dict.get("all_sizes"), "all_sizes", toVec3),
    all_spacings: toList(dict.get("all_spacings"), "all_spacings", toVec3),
    all_classes: toNumbers(dict.get("all_classes"), "all_classes"),
    modalities: toNumberedMap(dict.get("modalities"), "modalities", toText),
    intensityproperties: intensity === null ? null : intensityPropertiesFromPython(intensity),
    size_reductions: toNamedMap(dict.get("size_reductions"), "size_reductions", toNumber),
  };
}
