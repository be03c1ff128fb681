/** Jobs of Slurm that wait for each other. */
export interface SlurmChain {
  /** What it is about: in the names of the jobs. */
  readonly subject: string;
  /** Said at the top of the script. */
  readonly notes: readonly string[];
  readonly jobs: readonly SlurmJob[];
  /** Tasks of each array. */
  readonly parts: number;
  readonly cpus: number;
  readonly logs: string;
  /** Options of every `sbatch`, as the user gave them. */
  readonly extra: readonly string[];
}

export interface SlurmJob {
  /** Variable that holds the job's number, and its name. */
  readonly variable: string;
  /** One after the other; the first that fails ends the job. */
  readonly commands: readonly (readonly string[])[];
  readonly memoryMib: number;
  readonly isArray: boolean;
  /** Whether a command that ends with 75 may run again by itself. */
  readonly isRestarted: boolean;
  readonly after?: { readonly variable: string; readonly whatever?: boolean };
}

/** A word that a shell takes as it is. */
export function shellWord(word: string): string {
  return /^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

const line = (words: readonly string[]) => words.map(shellWord).join(" ");

/** How often a task may start again by itself. */
const RESTARTS = 2;

/** The script that submits the jobs. A task that ends with 75 starts again by itself. */
export function formatSlurmScript({ subject, notes, jobs, parts, cpus, logs, extra }: SlurmChain): string {
  const numbers = jobs.map(({ variable }) => `${variable} $${variable}`).join(", ");
  return `${[
    "#!/usr/bin/env bash",
    ...[
      `${subject} in ${parts === 1 ? "one part" : `${parts} parts`} on Slurm, one array after the other.`,
      ...notes,
    ].map((note) => `# ${note}`),
    "set -euo pipefail",
    `logs=${shellWord(logs)}`,
    'mkdir -p "$logs"',
    "# A stage starts when the one before has succeeded, and is taken back when that has failed.",
    `all=(--parsable --requeue --open-mode=append --kill-on-invalid-dep=yes --cpus-per-task=${cpus}${
      extra.length === 0 ? "" : ` ${line(extra)}`
    })`,
    `parts=(--array=0-${parts - 1} --output="$logs/%x-%A-%a.txt")`,
    'single=(--output="$logs/%x-%j.txt")',
    "",
    ...jobs.flatMap((job) => [...formatJob(job, subject), ""]),
    `echo "submitted: ${numbers}; logs in $logs"`,
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

function formatJob(
  { variable, commands, memoryMib, isArray, isRestarted, after }: SlurmJob,
  subject: string,
): string[] {
  const options = [
    `"\${all[@]}" "\${${isArray ? "parts" : "single"}[@]}"`,
    `--mem=${memoryMib}M`,
    `--job-name=${shellWord(`${variable}-${subject}`)}`,
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
