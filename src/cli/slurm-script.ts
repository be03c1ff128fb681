/** What a chain of jobs on Slurm is made of. */
export interface SlurmChain {
  readonly dataset: string;
  /** Said at the top of the script. */
  readonly notes: readonly string[];
  /** How nnprep is called on the nodes, as words. */
  readonly program: readonly string[];
  /** Options of every command: which dataset, and where. */
  readonly places: readonly string[];
  readonly planner: string;
  readonly plansName: string;
  readonly configurations: readonly string[];
  readonly parts: number;
  /** Cases at the same time in one task. */
  readonly workers: number;
  readonly memoryMib: number;
  /** Of which the workers get this much. */
  readonly workersMib: number;
  readonly logs: string;
  /** Options of every `sbatch`, as the user gave them. */
  readonly extra: readonly string[];
}

/** A word that a shell takes as it is. */
export function shellWord(word: string): string {
  return /^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

const line = (words: readonly string[]) => words.map(shellWord).join(" ");

/** How often a task may start again by itself. */
const RESTARTS = 2;

interface Job {
  /** Variable that holds the job's number. */
  readonly variable: string;
  readonly name: string;
  /** One after the other; the first that fails ends the job. */
  readonly commands: readonly (readonly string[])[];
  readonly isArray: boolean;
  /** Whether a command that ends with 75 may run again by itself. */
  readonly isRestarted: boolean;
  readonly after?: { readonly variable: string; readonly whatever?: boolean };
}

/**
 * The script that submits a dataset's preparation as arrays that wait for each other: fingerprint in parts; fingerprint
 * and plans; preprocessing in parts; status. A task that ends with 75 starts again by itself.
 */
export function formatSlurmScript(chain: SlurmChain): string {
  const { dataset, notes, program, places, planner, plansName, configurations, parts, workers } = chain;
  const command = (name: string, ...more: string[]) => [...program, name, ...places, ...more];
  const work = ["--workers", String(workers), "--memory-limit", `${chain.workersMib}M`, "--no-progress"];
  const part = ["--num-parts", String(parts), ...work];
  const chosen = configurations.length === 0 ? [] : ["-c", ...configurations];
  const plans = ["--plans-name", plansName];
  const jobs: Job[] = [
    {
      variable: "fingerprint",
      name: "fingerprint",
      commands: [command("extract-fingerprint", ...part)],
      isArray: true,
      isRestarted: true,
    },
    {
      variable: "plan",
      name: "plan",
      commands: [command("extract-fingerprint", ...work), command("plan", "--planner", planner, ...work)],
      isArray: false,
      isRestarted: true,
      after: { variable: "fingerprint" },
    },
    {
      variable: "preprocess",
      name: "preprocess",
      commands: [command("preprocess", ...plans, ...part, ...chosen)],
      isArray: true,
      isRestarted: true,
      after: { variable: "plan" },
    },
    {
      variable: "status",
      name: "status",
      commands: [command("status", ...plans, ...chosen)],
      isArray: false,
      isRestarted: false,
      after: { variable: "preprocess", whatever: true },
    },
  ];
  return `${[
    "#!/usr/bin/env bash",
    ...[
      `${dataset} in ${parts === 1 ? "one part" : `${parts} parts`} on Slurm, one array after the other.`,
      ...notes,
    ].map((note) => `# ${note}`),
    "set -euo pipefail",
    `logs=${shellWord(chain.logs)}`,
    'mkdir -p "$logs"',
    "# A stage starts when the one before has succeeded, and is taken back when that has failed.",
    `all=(--parsable --requeue --open-mode=append --kill-on-invalid-dep=yes --mem=${chain.memoryMib}M --cpus-per-task=${workers}${
      chain.extra.length === 0 ? "" : ` ${line(chain.extra)}`
    })`,
    `parts=(--array=0-${parts - 1} --output="$logs/%x-%A-%a.txt")`,
    'single=(--output="$logs/%x-%j.txt")',
    "",
    ...jobs.flatMap((job) => [...formatJob(job, dataset), ""]),
    'echo "submitted: fingerprint $fingerprint, plan $plan, preprocess $preprocess, status $status; logs in $logs"',
    'echo "When something failed: correct what its log says, and run this script again; what is done is kept."',
  ].join("\n")}\n`;
}

/** A command of a job; code 75 says that running again may help: then Slurm starts the job again, a few times. */
const RUN = `run() {
  "$@" && return
  code=$?
  if [ $code -eq 75 ] && [ "\${SLURM_RESTART_COUNT:-0}" -lt ${RESTARTS} ]; then
    scontrol requeue "$SLURM_JOB_ID" && sleep 600
  fi
  exit $code
}`;

function formatJob({ variable, name, commands, isArray, isRestarted, after }: Job, dataset: string): string[] {
  const options = [
    `"\${all[@]}" "\${${isArray ? "parts" : "single"}[@]}"`,
    `--job-name=${shellWord(`${name}-${dataset}`)}`,
    ...(after === undefined
      ? []
      : [`--dependency="${after.whatever === true ? "afterany" : "afterok"}:$${after.variable}"`]),
  ];
  return [
    `${variable}=$(sbatch ${options.join(" ")} << 'JOB'`,
    "#!/usr/bin/env bash",
    ...(isRestarted ? [RUN] : []),
    ...commands.map((words) => `${isRestarted ? "run " : ""}${line(words)}`),
    "JOB",
    ")",
  ];
}
