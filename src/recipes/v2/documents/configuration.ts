import { NnprepError } from "../../../core/errors.js";
import { JsonFields } from "../../../io/json-fields.js";
import type { JsonDict } from "../../../io/ordered-json.js";
import type { PythonJson } from "../../../io/python-json.js";
import { type NetworkArchitecture, readArchitecture } from "./architecture.js";

/** How nnU-Net v2 normalises a channel, by the names of its classes. */
export const NORMALIZATION_SCHEMES = [
  "ZScoreNormalization",
  "CTNormalization",
  "NoNormalization",
  "RescaleTo01Normalization",
  "RGBTo01Normalization",
] as const;
export type NormalizationScheme = (typeof NORMALIZATION_SCHEMES)[number];

/** How data, labels or probabilities are resampled. */
export type Resampling =
  | {
      /** scikit-image's and SciPy's interpolation: `resample_data_or_seg_to_shape`. */
      readonly kind: "default";
      readonly isSeg: boolean;
      /** Of the interpolation: 0, 1 or 3. */
      readonly order: number;
      /** Along an axis that is resampled by itself. */
      readonly orderZ: number;
      /** null: where the spacing is anisotropic by more than the threshold. */
      readonly forceSeparateZ: boolean | null;
      readonly separateZThreshold: number;
    }
  | {
      /** PyTorch's interpolation: `resample_torch_fornnunet`. */
      readonly kind: "torch";
      readonly isSeg: boolean;
      readonly forceSeparateZ: boolean | null;
      readonly separateZThreshold: number;
      readonly memoryEfficient: boolean;
    }
  /** `no_resampling_hack`: every case keeps its own grid. */
  | { readonly kind: "none" };

/** One configuration of the plans (2d, 3d_fullres ...), inheritance resolved. All axes transposed. */
export interface Configuration {
  readonly name: string;
  /** Folder of the preprocessed cases. */
  readonly dataIdentifier: string;
  readonly preprocessorName: string;
  readonly batchSize: number;
  /** Two entries in 2-D configurations, else three. */
  readonly patchSize: readonly number[];
  /** Of the median case on the configuration's grid; may end in .5. As many entries as the patch. */
  readonly medianShape: readonly number[];
  /** mm; as many entries as the patch: in 2-D configurations the first axis keeps each case's own spacing. */
  readonly spacingMm: readonly number[];
  /** By channel. */
  readonly normalization: readonly NormalizationScheme[];
  readonly useMaskForNorm: readonly boolean[];
  readonly resampleData: Resampling;
  readonly resampleSeg: Resampling;
  readonly resampleProbabilities: Resampling;
  readonly architecture: NetworkArchitecture;
  readonly batchDice: boolean;
  /** Configuration whose predictions this one takes as further channels. */
  readonly previousStage: string | undefined;
  readonly nextStages: readonly string[];
}

export const planFields: JsonFields = new JsonFields("INVALID_PLANS");
const fields = planFields;
/** nnU-Net's ANISO_THRESHOLD. */
const ANISOTROPY_THRESHOLD = 3;
/** Voxels of more than 10 m, or of less than a nanometre, are somebody's slip. */
const LARGEST_SPACING_MM = 1e4;
const SMALLEST_SPACING_MM = 1e-6;

const DEFAULT_RESAMPLING = ["resample_data_or_seg_to_shape", "resample_data_or_seg_to_spacing"];

/** The keywords of a resampling function, defaults of the function filled in. */
class Keywords {
  constructor(
    private readonly dict: JsonDict,
    private readonly key: string,
  ) {}

  private value<T>(name: string, missing: T, read: (value: PythonJson, key: string) => T): T {
    const value = this.dict.get(name);
    return value === undefined ? missing : read.call(fields, value, `${this.key}.${name}`);
  }

  boolean(name: string, missing: boolean): boolean {
    return this.value(name, missing, fields.boolean);
  }

  number(name: string, missing: number): number {
    return this.value(name, missing, fields.number);
  }

  maybe(name: string, missing: boolean | null): boolean | null {
    return this.dict.get(name) === null ? null : this.value(name, missing, fields.boolean);
  }

  /** A keyword that changes what the function does must not be passed over. */
  allow(names: readonly string[], functionName: string): void {
    for (const name of this.dict.keys()) {
      if (names.includes(name)) continue;
      throw new NnprepError("UNSUPPORTED", `${this.key}: the option "${name}" of ${functionName} is not known here`, {
        key: this.key,
        found: name,
      });
    }
  }
}

function readResampling(configuration: JsonDict, kind: "data" | "seg" | "probabilities", path: string): Resampling {
  const nameKey = `resampling_fn_${kind}`;
  const name = fields.text(configuration.get(nameKey), `${path}.${nameKey}`);
  const key = `${path}.${nameKey}_kwargs`;
  const keywords = new Keywords(fields.dict(configuration.get(`${nameKey}_kwargs`), key), key);
  const threshold = () => keywords.number("separate_z_anisotropy_threshold", ANISOTROPY_THRESHOLD);
  if (DEFAULT_RESAMPLING.includes(name)) {
    keywords.allow(["is_seg", "order", "order_z", "force_separate_z", "separate_z_anisotropy_threshold"], name);
    return {
      kind: "default",
      isSeg: keywords.boolean("is_seg", false),
      order: keywords.number("order", 3),
      orderZ: keywords.number("order_z", 0),
      forceSeparateZ: keywords.maybe("force_separate_z", false),
      separateZThreshold: threshold(),
    };
  }
  if (name === "resample_torch_fornnunet") {
    const options = ["is_seg", "force_separate_z", "memefficient_seg_resampling", "separate_z_anisotropy_threshold"];
    keywords.allow(options, name);
    return {
      kind: "torch",
      isSeg: keywords.boolean("is_seg", false),
      forceSeparateZ: keywords.maybe("force_separate_z", null),
      separateZThreshold: threshold(),
      memoryEfficient: keywords.boolean("memefficient_seg_resampling", false),
    };
  }
  if (name === "no_resampling_hack") return { kind: "none" };
  throw new NnprepError(
    "UNSUPPORTED",
    `${path}.${nameKey}: ${name} is not known here; known are resample_data_or_seg_to_shape, ` +
      "resample_torch_fornnunet and no_resampling_hack",
    { key: `${path}.${nameKey}`, found: name },
  );
}

function readScheme(value: PythonJson, key: string): NormalizationScheme {
  const name = fields.text(value, key);
  const scheme = NORMALIZATION_SCHEMES.find((known) => known === name);
  if (scheme !== undefined) return scheme;
  throw new NnprepError(
    "UNSUPPORTED",
    `${key}: ${name} is no normalisation of nnU-Net 2.8.1; known are ${NORMALIZATION_SCHEMES.join(", ")}`,
    { key, found: name },
  );
}

function checkGrid(path: string, spacingMm: readonly number[], patchSize: readonly number[]): void {
  if (spacingMm.some((mm) => !(mm >= SMALLEST_SPACING_MM && mm <= LARGEST_SPACING_MM))) {
    throw new NnprepError(
      "INVALID_PLANS",
      `${path}.spacing: (${spacingMm.join(", ")}) mm found; expected ${SMALLEST_SPACING_MM} to ${LARGEST_SPACING_MM} ` +
        "mm per axis. Check the spacings of the dataset's files and plan again",
      { key: `${path}.spacing`, found: [...spacingMm] },
    );
  }
  if (patchSize.some((n) => !Number.isSafeInteger(n) || n < 1)) {
    fields.fail(`${path}.patch_size`, "whole numbers of at least 1", patchSize);
  }
}

/** The names in `next_stage`: one, or a list. */
function readNextStages(value: PythonJson | undefined, key: string): string[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? fields.list(value, key, fields.text) : [fields.text(value, key)];
}

/**
 * The dict of a configuration with the keys of all that it inherits from, its own on top: as nnU-Net's `PlansManager`.
 * @throws NnprepError INVALID_PLANS for a parent that does not exist, or one that inherits from its own heir.
 */
export function resolveInheritance(configurations: JsonDict, name: string, heirs: readonly string[] = []): JsonDict {
  const path = `configurations["${name}"]`;
  if (!configurations.has(name)) {
    const found = [...configurations.keys()].join(", ");
    const heir = heirs.length === 0 ? "" : `, which "${heirs.at(-1)}" inherits from`;
    throw new NnprepError("INVALID_PLANS", `no configuration "${name}"${heir}; the plans have ${found}`, {
      key: path,
      found: [...configurations.keys()],
    });
  }
  if (heirs.includes(name)) {
    const circle = [...heirs, name].join(" from ");
    throw new NnprepError("INVALID_PLANS", `${path}.inherits_from: a circle (${circle}); remove one of them`, {
      key: path,
    });
  }
  const own = fields.dict(configurations.get(name), path);
  const parent = own.get("inherits_from");
  if (parent === undefined) return own;
  const parentName = fields.text(parent, `${path}.inherits_from`);
  return new Map([...resolveInheritance(configurations, parentName, [...heirs, name]), ...own]);
}

/**
 * Reads one configuration of the plans of nnU-Net 2.0 to 2.8.
 * @throws NnprepError INVALID_PLANS naming the key that is missing or wrong, UNSUPPORTED for functions of others.
 */
export function readConfiguration(configurations: JsonDict, name: string): Configuration {
  const path = `configurations["${name}"]`;
  const dict = resolveInheritance(configurations, name);
  const at = <T>(key: string, read: (value: PythonJson | undefined, key: string) => T) =>
    read.call(fields, dict.get(key), `${path}.${key}`);
  const patchSize = at("patch_size", fields.numbers);
  if (patchSize.length !== 2 && patchSize.length !== 3) {
    fields.fail(`${path}.patch_size`, "two or three numbers", dict.get("patch_size"));
  }
  const perAxis = (key: string) => fields.vector(dict.get(key), `${path}.${key}`, patchSize.length);
  const spacingMm = perAxis("spacing");
  checkGrid(path, spacingMm, patchSize);
  const normalization = fields.list(dict.get("normalization_schemes"), `${path}.normalization_schemes`, readScheme);
  const useMaskForNorm = fields.list(dict.get("use_mask_for_norm"), `${path}.use_mask_for_norm`, fields.boolean);
  if (normalization.length !== useMaskForNorm.length) {
    const expected = `${normalization.length} entries, one per normalisation scheme`;
    fields.fail(`${path}.use_mask_for_norm`, expected, dict.get("use_mask_for_norm"));
  }
  const previous = dict.get("previous_stage");
  return {
    name,
    dataIdentifier: at("data_identifier", fields.plainName),
    preprocessorName: at("preprocessor_name", fields.text),
    batchSize: at("batch_size", fields.whole),
    patchSize,
    medianShape: perAxis("median_image_size_in_voxels"),
    spacingMm,
    normalization,
    useMaskForNorm,
    resampleData: readResampling(dict, "data", path),
    resampleSeg: readResampling(dict, "seg", path),
    resampleProbabilities: readResampling(dict, "probabilities", path),
    architecture: readArchitecture(dict, path, patchSize.length),
    batchDice: at("batch_dice", fields.boolean),
    previousStage: previous === undefined || previous === null ? undefined : at("previous_stage", fields.text),
    nextStages: readNextStages(dict.get("next_stage"), `${path}.next_stage`),
  };
}
