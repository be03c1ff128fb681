import { type Command, Option } from "commander";
import { type Part, partFromEnvironment } from "../runner/parts.js";
import { wholeNumber } from "./options.js";
import { UsageError } from "./usage-error.js";

/** What a command takes whose cases several machines may share. */
export interface PartOptions {
  readonly numParts?: number | "auto";
  readonly partId?: number;
}

const MOST_PARTS = 100_000;

/** Said after a part of what is joined in the end. */
export const PART_IS_MEASURED = "This part is measured. When all are, the same command without parts joins them";

/** Adds `--num-parts` and `--part-id`. */
export function addPartOptions(command: Command): Command {
  return command
    .option(
      "--num-parts <n>",
      "parts that run apart, on other machines; auto: number and part from Slurm, Kubernetes or AWS Batch (-num_parts)",
      (text) => (text === "auto" ? text : wholeNumber(1, MOST_PARTS)(text)),
    )
    .option(
      "--part-id <n>",
      "which of them this is, from 0 (-part_id); without it the scheduler's task tells",
      wholeNumber(0, MOST_PARTS),
    );
}

/**
 * For commands that need all cases at once: help says so, and parts are refused in words.
 * @param why what stands in the way, and what to do instead
 */
export function refuseParts(command: Command, why: string): Command {
  return command
    .addOption(new Option("--num-parts <n>").hideHelp())
    .addOption(new Option("--part-id <n>").hideHelp())
    .addHelpText("after", `\nNot in parts: ${why}`)
    .hook("preAction", () => {
      const { numParts, partId } = command.opts<{ numParts?: string; partId?: string }>();
      if (numParts === undefined && partId === undefined) return;
      throw new UsageError(`${command.name()} cannot be cut into parts: ${why}`);
    });
}

/** The part that a command is to work on; undefined for all cases. @throws UsageError, NnprepError INVALID_ARGUMENT */
export function chosenPart({ numParts, partId }: PartOptions): Part | undefined {
  if (numParts === undefined) {
    if (partId === undefined) return undefined;
    throw new UsageError(`--part-id ${partId}: of how many parts? Give --num-parts too`);
  }
  if (numParts === "auto") {
    if (partId === undefined) return partFromEnvironment(process.env);
    throw new UsageError("--part-id and --num-parts auto cannot be given together: auto takes both from the scheduler");
  }
  if (partId === undefined && numParts > 1) return partFromEnvironment(process.env, numParts);
  if (partId !== undefined && partId >= numParts) {
    throw new UsageError(`--part-id ${partId}: parts are numbered from 0 to ${numParts - 1}`);
  }
  return { index: partId ?? 0, count: numParts };
}
