import type { SlurmJob } from "./slurm-script.js";

/** What all chains say of their commands. */
interface ChainOfCommands {
  /** How nnprep is called on the nodes, as words. */
  readonly program: readonly string[];
  readonly parts: number;
  /** Cases at the same time in one task, a CPU each. */
  readonly workers: number;
}

/** Of the process that hands out the cases. */
export const MAIN_MIB = 256;

/** Options of a command whose workers get what the main process leaves of a task's memory. */
function workOf(workers: number, memoryMib: number): string[] {
  const limit = `${Math.max(1, memoryMib - MAIN_MIB)}M`;
  return ["--workers", String(workers), "--memory-limit", limit, "--no-progress"];
}

/** Tells what is missing in the end, whatever has failed. */
function statusJob(command: readonly string[]): SlurmJob {
  return {
    variable: "status",
    commands: [command],
    memoryMib: MAIN_MIB,
    isArray: false,
    isRestarted: false,
    after: { variable: "preprocess", whatever: true },
  };
}

/** How a dataset of nnU-Net v2 is prepared. */
export interface DatasetChain extends ChainOfCommands {
  /** Options of every command: which dataset, and where. */
  readonly places: readonly string[];
  readonly planner: string;
  readonly plansName: string;
  readonly configurations: readonly string[];
  /** Memory of a task. */
  readonly memoryMib: { readonly fingerprint: number; readonly preprocess: number };
}

/** Fingerprint in parts; fingerprint joined and plans; preprocessing in parts; status. */
export function datasetJobs(chain: DatasetChain): SlurmJob[] {
  const { program, places, planner, plansName, configurations, parts, workers, memoryMib } = chain;
  const command = (name: string, ...more: string[]) => [...program, name, ...places, ...more];
  const [reading, preparing] = [workOf(workers, memoryMib.fingerprint), workOf(workers, memoryMib.preprocess)];
  const part = ["--num-parts", String(parts)];
  const chosen = configurations.length === 0 ? [] : ["-c", ...configurations];
  const plans = ["--plans-name", plansName];
  return [
    {
      variable: "fingerprint",
      commands: [command("extract-fingerprint", ...part, ...reading)],
      memoryMib: memoryMib.fingerprint,
      isArray: true,
      isRestarted: true,
    },
    {
      variable: "plan",
      commands: [command("extract-fingerprint", ...reading), command("plan", "--planner", planner, ...reading)],
      memoryMib: memoryMib.fingerprint,
      isArray: false,
      isRestarted: true,
      after: { variable: "fingerprint" },
    },
    {
      variable: "preprocess",
      commands: [command("preprocess", ...plans, ...part, ...preparing, ...chosen)],
      memoryMib: memoryMib.preprocess,
      isArray: true,
      isRestarted: true,
      after: { variable: "plan" },
    },
    statusJob(command("status", ...plans, ...chosen)),
  ];
}

/** How a task of nnU-Net v1 is prepared. */
export interface TaskChain extends ChainOfCommands {
  /** Options of every command: which task, and where. */
  readonly places: readonly string[];
  /** Memory of a task of Slurm. */
  readonly memoryMib: { readonly crop: number; readonly preprocess: number };
}

/** Cropping in parts; fingerprint and plans; preprocessing in parts; status. */
export function taskJobs({ program, places, parts, workers, memoryMib }: TaskChain): SlurmJob[] {
  const command = (name: string, ...more: string[]) => [...program, name, ...places, ...more];
  const [reading, preparing] = [workOf(workers, memoryMib.crop), workOf(workers, memoryMib.preprocess)];
  const part = ["--num-parts", String(parts)];
  return [
    {
      variable: "crop",
      commands: [command("crop", ...part, ...reading)],
      memoryMib: memoryMib.crop,
      isArray: true,
      isRestarted: true,
    },
    {
      variable: "plan",
      commands: [command("plan", ...reading)],
      memoryMib: memoryMib.crop,
      isArray: false,
      isRestarted: true,
      after: { variable: "crop" },
    },
    {
      variable: "preprocess",
      commands: [command("preprocess", ...part, ...preparing)],
      memoryMib: memoryMib.preprocess,
      isArray: true,
      isRestarted: true,
      after: { variable: "plan" },
    },
    statusJob(command("status")),
  ];
}

/** How a folder is predicted. */
export interface PredictionChain extends ChainOfCommands {
  readonly input: string;
  readonly output: string;
  readonly model: string;
  readonly memoryMib: number;
  /** Further options of predict. */
  readonly more: readonly string[];
}

/** One array. A task that starts again leaves out the cases that are there. */
export function predictionJobs(chain: PredictionChain): SlurmJob[] {
  const { program, input, output, model, parts, workers, memoryMib, more } = chain;
  const places = ["-i", input, "-o", output, "-m", model];
  const work = ["--num-parts", String(parts), "--threads", String(workers), "--continue-prediction", "--no-progress"];
  return [
    {
      variable: "predict",
      commands: [[...program, "predict", ...places, ...work, ...more]],
      memoryMib,
      isArray: true,
      isRestarted: true,
    },
  ];
}
