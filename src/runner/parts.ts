import { NnprepError } from "../core/errors.js";

/** One of `count` parts that the cases of a stage are cut into, so that several machines share them. */
export interface Part {
  /** From 0 on. */
  readonly index: number;
  readonly count: number;
}

/** @throws NnprepError INVALID_ARGUMENT */
export function checkPart({ index, count }: Part): void {
  if (Number.isInteger(count) && count >= 1 && Number.isInteger(index) && index >= 0 && index < count) return;
  throw new NnprepError(
    "INVALID_ARGUMENT",
    `part ${index} of ${count} found; expected at least one part, and a part from 0 to their number less one`,
    { found: { index, count } },
  );
}

/**
 * The cases of one part: every `count`-th from `index` on, as nnU-Net's `-num_parts` and `-part_id` cut them. It depends
 * on the cases alone, so that a part can be run again elsewhere.
 */
export function takePart<T>(cases: readonly T[], part: Part | undefined): readonly T[] {
  if (part === undefined) return cases;
  checkPart(part);
  return cases.filter((_, i) => i % part.count === part.index);
}

/** @throws NnprepError INVALID_ARGUMENT when a part of the cases is to do what needs all of them */
export function refusePart(part: Part | undefined, what: string): void {
  if (part === undefined) return;
  throw new NnprepError(
    "INVALID_ARGUMENT",
    `part ${part.index} of ${part.count} found, but ${what} needs all cases; run it once, without parts`,
    { found: part },
  );
}

/** True for the one part that does what is done once for all cases, and where there are no parts. */
export function isFirstPart(part: Part | undefined): boolean {
  return part === undefined || part.index === 0;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Where a scheduler tells a task which part it is: names of the variables. */
interface Scheduler {
  readonly name: string;
  readonly index: string;
  readonly count: string;
  /** Array tasks of Slurm count from any number in any steps. */
  readonly first?: string;
  readonly step?: string;
}

const SCHEDULERS: readonly Scheduler[] = [
  {
    name: "Slurm",
    index: "SLURM_ARRAY_TASK_ID",
    count: "SLURM_ARRAY_TASK_COUNT",
    first: "SLURM_ARRAY_TASK_MIN",
    step: "SLURM_ARRAY_TASK_STEP",
  },
  // An Indexed Job does not say how many completions it has: its definition repeats the number.
  { name: "Kubernetes", index: "JOB_COMPLETION_INDEX", count: "JOB_COMPLETIONS" },
  { name: "AWS Batch", index: "AWS_BATCH_JOB_ARRAY_INDEX", count: "AWS_BATCH_JOB_ARRAY_SIZE" },
];

/**
 * The part that a task of a Slurm array, a Kubernetes Indexed Job or an AWS Batch array is.
 * @param count number of parts, where it is known: then the task's number is the part, also of a task that runs again;
 * else the scheduler has to tell it
 * @throws NnprepError INVALID_ARGUMENT that names the variables that are missing or no numbers
 */
export function partFromEnvironment(environment: Environment, count?: number): Part {
  const scheduler = SCHEDULERS.find(({ index }) => (environment[index] ?? "") !== "");
  if (scheduler === undefined) {
    const names = SCHEDULERS.map(({ index }) => index);
    throw new NnprepError(
      "INVALID_ARGUMENT",
      `the part is to be taken from the scheduler, but none of ${names.join(", ")} is set; run inside an array job, or give the number of parts and the part`,
      { expected: names },
    );
  }
  const whole = (variable: string, missing?: number): number => {
    const text = environment[variable];
    if ((text === undefined || text === "") && missing !== undefined) return missing;
    if (text !== undefined && /^\d+$/.test(text)) return Number(text);
    throw new NnprepError(
      "INVALID_ARGUMENT",
      `${scheduler.name}: ${variable} is ${text === undefined ? "not set" : `"${text}"`}; expected a whole number. Set it, or give the number of parts`,
      { variable, found: text ?? null },
    );
  };
  // Single tasks of an array that run again have its numbers, but not its count.
  const isWhole = count === undefined;
  const first = isWhole && scheduler.first !== undefined ? whole(scheduler.first, 0) : 0;
  const step = isWhole && scheduler.step !== undefined ? whole(scheduler.step, 1) : 1;
  const part: Part = {
    index: (whole(scheduler.index) - first) / step,
    count: count ?? whole(scheduler.count),
  };
  checkPart(part);
  return part;
}
