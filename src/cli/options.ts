import { availableParallelism } from "node:os";
import { type Command, InvalidArgumentError, Option } from "commander";
import { memoryLimitOption } from "./memory-limit.js";

/** What every command with workers takes. */
export interface CommandOptions {
  readonly workers: number;
  readonly memoryLimit?: number;
  readonly json: boolean;
  readonly jsonLines?: boolean;
  readonly progress: boolean;
}

export function wholeNumber(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < low || value > high) {
      throw new InvalidArgumentError(`a whole number from ${low} to ${high} is expected.`);
    }
    return value;
  };
}

/** Parser of a repeated option; a number that is given twice counts once unless `repeats`. */
export function numberList(low: number, high: number, repeats = false) {
  return (text: string, previous: number[] | undefined): number[] => {
    const value = wholeNumber(low, high)(text);
    return previous?.includes(value) && !repeats ? previous : [...(previous ?? []), value];
  };
}

/** Processes that nnU-Net would start, but no more than there are cores. */
export function defaultWorkers(): number {
  return Math.max(1, Math.min(8, availableParallelism()));
}

/** Adds `--json`, and `--json-lines` for commands that go case by case. */
export function addJsonOptions(command: Command): Command {
  return command
    .option("--json", "print one JSON document instead of text", false)
    .addOption(
      new Option(
        "--json-lines",
        "print what happens as it happens, one JSON object per line, and nothing else",
      ).conflicts("json"),
    );
}

/** Adds `--workers`, `--memory-limit`, `--json`, `--json-lines` and `--no-progress`. */
export function addCommandOptions(command: Command): Command {
  command
    .option(
      "-w, --workers <n>",
      "cases at the same time, each in its own process",
      wholeNumber(1, 256),
      defaultWorkers(),
    )
    .addOption(memoryLimitOption());
  return addJsonOptions(command).option("--no-progress", "no progress bar on stderr");
}

export function overwriteOption(): Option {
  return new Option("--overwrite", "make again what an earlier run made of the same files, plans and options").default(
    false,
  );
}

export function compressionOption(): Option {
  return new Option("--compression <kind>", "of the npz files: none, fast (deflate level 1), best (level 6, as NumPy)")
    .choices(["none", "fast", "best"])
    .default("fast");
}

export function precisionOption(): Option {
  return new Option(
    "--precision <kind>",
    "of the images' resampling: exact, as nnU-Net in every bit; fast, in float32, not bit-equal: errors below 4e-7 of the range",
  )
    .choices(["exact", "fast"])
    .default("exact");
}

export function labelRuleOption(): Option {
  return new Option(
    "--label-rule <rule>",
    "which label wins where several meet: threshold (batchgenerators up to 0.25.3; default of v1), argmax-nearest (since 0.25.4; default of v2)",
  ).choices(["threshold", "argmax-nearest"]);
}
