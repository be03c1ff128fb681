import { InvalidArgumentError, Option } from "commander";
import type { Vec3 } from "../core/volume.js";
import type { NpzCompression } from "../io/npz.js";
import type { LabelRule } from "../kernels/linear-labels.js";
import { PREPROCESSED_CONFIGURATIONS } from "../recipes/v2/layout.js";
import type { Precision } from "../steps/resampler.js";
import { V2_OPTIONS } from "./generations.js";
import { numberList, wholeNumber } from "./options.js";
import { UsageError } from "./usage-error.js";

/* Options of nnU-Net v2's commands, by its names and with its defaults. */

const group = (option: Option): Option => option.helpGroup(V2_OPTIONS);

/** Options of `nnUNetv2_extract_fingerprint`. */
export interface FingerprintValues {
  readonly clean: boolean;
}

export function cleanOption(): Option {
  return group(
    new Option("--clean", "make the fingerprint anew though there is one; without it that one is used").default(false),
  );
}

export function extractorOption(): Option {
  const name = "DatasetFingerprintExtractor";
  return group(new Option("--fingerprint-extractor <class>", "(-fpe)").choices([name]).default(name));
}

/** Options of `nnUNetv2_plan_experiment`. */
export interface PlanValues {
  readonly planner?: string;
  readonly gpuMemoryTarget?: number;
  readonly preprocessorName?: string;
  readonly overwriteTargetSpacing?: number[];
  readonly overwritePlansName?: string;
}

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("a number above 0 is expected.");
}

export function planningOptions(): Option[] {
  return [
    new Option(
      "--planner <class>",
      "experiment planner, such as nnUNetPlannerResEncM (-pl; default: ExperimentPlanner)",
    ),
    new Option("--gpu-memory-target <GB>", "(-gpu_memory_target; default: the planner's)").argParser(positive),
    new Option("--preprocessor-name <class>", "(-preprocessor_name; default: DefaultPreprocessor)"),
    new Option(
      "--overwrite-target-spacing <mm...>",
      "target spacing instead of the median, three numbers in the order of the file's axes (-overwrite_target_spacing)",
    ).argParser((text: string, before: number[] | undefined) => [...(before ?? []), positive(text)]),
    new Option("--overwrite-plans-name <name>", "name of the plans instead of the planner's (-overwrite_plans_name)"),
  ].map(group);
}

/** What planning takes, from the options. */
export function planningOf(values: PlanValues) {
  const { planner, gpuMemoryTarget: gpuMemoryGb, preprocessorName, overwritePlansName: plansName } = values;
  return { planner, gpuMemoryGb, preprocessorName, plansName, targetSpacingMm: threeNumbers(values) };
}

function threeNumbers({ overwriteTargetSpacing: mm }: PlanValues): Vec3 | undefined {
  if (mm === undefined) return undefined;
  if (mm.length === 3) return mm as unknown as Vec3;
  throw new UsageError(`--overwrite-target-spacing: three numbers are expected, ${mm.length} were given`);
}

/** Options of `nnUNetv2_preprocess`. */
export interface PreprocessValues {
  readonly configurations?: string[];
  readonly configurationWorkers?: number[];
  readonly format: "b2nd" | "npz";
  readonly compression: NpzCompression;
  readonly labelRule?: LabelRule;
  readonly precision: Precision;
  readonly overwrite: boolean;
}

/** What preprocessing takes, from the options. */
export function preprocessingOf(values: PreprocessValues) {
  const { configurations, format, compression, labelRule, precision, overwrite } = values;
  const workersOf = workersOfConfigurations(values);
  return { configurations, workersOf, format, compression, labelRule, precision, overwrite };
}

/** The options with as many workers as the most that some stage is to have. */
export function withWorkers<O extends { readonly workers: number }>(
  options: O & { readonly configurationWorkers?: number[]; readonly fingerprintWorkers?: number },
): O {
  const { workers, configurationWorkers = [], fingerprintWorkers = 1 } = options;
  return { ...options, workers: Math.max(workers, fingerprintWorkers, ...configurationWorkers) };
}

export function verifyOption(): Option {
  return group(
    new Option("--verify-dataset-integrity", "check the raw dataset first, and stop if something is wrong").default(
      false,
    ),
  );
}

export function plansNameOption(): Option {
  return group(new Option("--plans-name <name>", "plans to preprocess for (-plans_name; default: nnUNetPlans)"));
}

export function preprocessingOptions(): Option[] {
  const all = PREPROCESSED_CONFIGURATIONS.join(" ");
  return [
    new Option(
      "-c, --configurations <names...>",
      `configurations to preprocess for (default: ${all}, those in the plans)`,
    ),
    new Option(
      "--configuration-workers <n...>",
      "cases at the same time, one number for all or one for each of -c (-np; default: --workers)",
    ).argParser(numberList(1, 256, true)),
    new Option("--format <kind>", "files of the cases: b2nd as nnU-Net writes them, or npz, which it reads too")
      .choices(["b2nd", "npz"])
      .default("b2nd"),
  ].map(group);
}

export function verboseOption(): Option {
  return group(new Option("--verbose", "accepted as nnU-Net's: all is said anyway").default(false));
}

export function fingerprintWorkersOption(): Option {
  return group(
    new Option(
      "--fingerprint-workers <n>",
      "cases at the same time for the fingerprint (-npfp; default: --workers)",
    ).argParser(wholeNumber(1, 256)),
  );
}

/** Cases at the same time for each configuration. @throws UsageError unless there are one or as many numbers as names */
function workersOfConfigurations({
  configurations = [...PREPROCESSED_CONFIGURATIONS],
  configurationWorkers: counts,
}: Pick<PreprocessValues, "configurations" | "configurationWorkers">): Record<string, number> {
  if (counts === undefined) return {};
  if (counts.length !== 1 && counts.length !== configurations.length) {
    throw new UsageError(
      `-np: ${counts.length} numbers for ${configurations.length} configurations (${configurations.join(" ")}); give one for all, or one for each`,
    );
  }
  return Object.fromEntries(configurations.map((name, i) => [name, counts[counts.length === 1 ? 0 : i]]));
}
