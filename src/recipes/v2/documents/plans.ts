import { NnprepError } from "../../../core/errors.js";
import type { Axes3, Shape3, Vec3 } from "../../../core/volume.js";
import { type JsonDict, parseJsonDict } from "../../../io/ordered-json.js";
import { formatPythonJson, type PythonJson } from "../../../io/python-json.js";
import { type Configuration, planFields as fields, readConfiguration } from "./configuration.js";
import { type IntensityStatistics, intensitiesFromJson } from "./fingerprint.js";

/** Plans of nnU-Net v2 (nnUNetPlans.json and its kin) in the one form that everything but planning works with. */
export interface Plans {
  readonly datasetName: string;
  readonly plansName: string;
  /** Median over the cases, transposed; for reference only. */
  readonly originalMedianSpacingMm: Vec3;
  readonly originalMedianShape: Shape3;
  /** Class of nnU-Net that reads and writes the dataset's files. */
  readonly readerName: string;
  /** Axis i of the network's frame is axis `transposeForward[i]` of the file. */
  readonly transposeForward: Axes3;
  readonly transposeBackward: Axes3;
  readonly plannerName: string;
  /** By channel; empty in plans that hold none. */
  readonly intensities: readonly IntensityStatistics[];
  /** In the order of the file, inheritance resolved. */
  readonly configurations: ReadonlyMap<string, Configuration>;
  /** Configurations that use what only somebody's own nnU-Net has, and why they cannot be worked with here. */
  readonly unsupported: ReadonlyMap<string, NnprepError>;
  /** All that stands in the file, in its order. */
  readonly document: JsonDict;
}

function readAxes(document: JsonDict, key: string): Axes3 {
  const axes = fields.vector(document.get(key), key, 3);
  return [0, 1, 2].every((axis) => axes.includes(axis))
    ? (axes as unknown as Axes3)
    : fields.fail(key, "a permutation of 0, 1, 2", document.get(key));
}

/** Plans before 2.1 call the statistics by modality. */
function readIntensities(document: JsonDict): IntensityStatistics[] {
  const key = ["foreground_intensity_properties_per_channel", "foreground_intensity_properties_by_modality"].find((k) =>
    document.has(k),
  );
  return key === undefined ? [] : intensitiesFromJson(document.get(key), key, fields);
}

/** CT channels are clipped and scaled by the statistics of the dataset: without sound ones they would become noise. */
function checkIntensities(configuration: Configuration, intensities: readonly IntensityStatistics[]): void {
  configuration.normalization.forEach((scheme, channel) => {
    if (scheme !== "CTNormalization") return;
    const key = `foreground_intensity_properties_per_channel["${channel}"]`;
    const advice = "Extract the fingerprint and plan again";
    const statistics = intensities[channel];
    if (statistics === undefined) {
      throw new NnprepError(
        "INVALID_PLANS",
        `${key} is missing, but configuration "${configuration.name}" normalises channel ${channel} as CT. ${advice}`,
        { key, channel },
      );
    }
    const { mean, std, percentile005, percentile995 } = statistics;
    if (![mean, percentile005, percentile995].every(Number.isFinite) || !(std > 0 && Number.isFinite(std))) {
      throw new NnprepError(
        "INVALID_PLANS",
        `${key}: mean ${mean}, std ${std}, percentiles ${percentile005} and ${percentile995} found; expected finite ` +
          `numbers and a std above 0, because channel ${channel} is normalised as CT. ${advice}`,
        { key, channel, found: { mean, std, percentile005, percentile995 } },
      );
    }
    if (percentile005 > percentile995) {
      throw new NnprepError(
        "INVALID_PLANS",
        `${key}: percentile_00_5 (${percentile005}) is above percentile_99_5 (${percentile995}); ` +
          `they seem to be swapped. ${advice}`,
        { key, channel, found: { percentile005, percentile995 } },
      );
    }
  });
}

/**
 * Reads and checks plans of nnU-Net 2.0 to 2.8.
 * @throws NnprepError INVALID_PLANS naming the key that is missing or wrong.
 */
export function readPlans(document: JsonDict): Plans {
  if (!document.has("configurations")) {
    throw new NnprepError(
      "INVALID_PLANS",
      'no "configurations" found; expected plans of nnU-Net v2 (nnUNetPlans.json). Those of v1 are .pkl files',
      { key: "configurations" },
    );
  }
  const at = <T>(key: string, read: (value: PythonJson | undefined, key: string) => T) =>
    read.call(fields, document.get(key), key);
  const given = at("configurations", fields.dict);
  const { configurations, unsupported } = readConfigurations(given);
  const intensities = readIntensities(document);
  for (const configuration of configurations.values()) checkIntensities(configuration, intensities);
  const transposeForward = readAxes(document, "transpose_forward");
  const transposeBackward = readAxes(document, "transpose_backward");
  if (transposeBackward.some((axis, i) => transposeForward[axis] !== i)) {
    const expected = `the permutation that undoes (${transposeForward.join(", ")})`;
    fields.fail("transpose_backward", expected, document.get("transpose_backward"));
  }
  return {
    datasetName: at("dataset_name", fields.text),
    plansName: at("plans_name", fields.text),
    originalMedianSpacingMm: readTriple(document, "original_median_spacing_after_transp"),
    originalMedianShape: readTriple(document, "original_median_shape_after_transp"),
    readerName: at("image_reader_writer", fields.text),
    transposeForward,
    transposeBackward,
    plannerName: at("experiment_planner_used", fields.text),
    intensities,
    configurations,
    unsupported,
    document,
  };
}

/** One configuration that is not known here must not make the others unusable. */
function readConfigurations(given: JsonDict): Pick<Plans, "configurations" | "unsupported"> {
  const configurations = new Map<string, Configuration>();
  const unsupported = new Map<string, NnprepError>();
  for (const name of given.keys()) {
    try {
      configurations.set(name, readConfiguration(given, name));
    } catch (error) {
      if (!(error instanceof NnprepError && error.code === "UNSUPPORTED")) throw error;
      unsupported.set(name, error);
    }
  }
  return { configurations, unsupported };
}

function readTriple(document: JsonDict, key: string): Vec3 {
  return fields.vector(document.get(key), key, 3) as unknown as Vec3;
}

/**
 * `readPlans` of a file's content.
 * @param file what messages call the file.
 *
 * @example
 * ```ts
 * import { parsePlans } from "nnprep";
 * import { readFile } from "node:fs/promises";
 *
 * const plans = parsePlans(await readFile("nnUNetPlans.json"));
 * console.log([...plans.configurations.keys()], plans.readerName);
 * ```
 */
export function parsePlans(content: Uint8Array | string, file = "nnUNetPlans.json"): Plans {
  try {
    return readPlans(parseJsonDict(content));
  } catch (error) {
    throw error instanceof NnprepError ? error.inFile(file) : error;
  }
}

/** The text of the plans as nnU-Net writes them: keys in their order. */
export function formatPlans(document: JsonDict): string {
  return formatPythonJson(document, { indent: 4 });
}

/**
 * The configuration that plans call `name`, with what it inherits.
 *
 * @throws NnprepError INVALID_ARGUMENT naming the configurations that there are; UNSUPPORTED for one with normalisations,
 * resampling functions or old networks that nnU-Net itself does not have.
 *
 * @example
 * ```ts
 * import { getConfiguration, parsePlans } from "nnprep";
 * import { readFile } from "node:fs/promises";
 *
 * const plans = parsePlans(await readFile("nnUNetPlans.json"));
 * console.log(getConfiguration(plans, "3d_fullres").spacingMm); // [2, 1, 1], slowest axis first
 * ```
 */
export function getConfiguration(plans: Plans, name: string): Configuration {
  const configuration = plans.configurations.get(name);
  if (configuration !== undefined) return configuration;
  const unsupported = plans.unsupported.get(name);
  if (unsupported !== undefined) throw unsupported;
  const known = [...plans.configurations.keys()];
  throw new NnprepError(
    "INVALID_ARGUMENT",
    `no configuration "${name}" in ${plans.plansName}; it has ${known.join(", ")}`,
    {
      found: name,
      expected: known,
    },
  );
}
