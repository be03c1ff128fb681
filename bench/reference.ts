import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BENCH_FOLDER } from "./places.js";

/** One thread for everything that could take more. */
export const ONE_THREAD: NodeJS.ProcessEnv = {
  ...process.env,
  OMP_NUM_THREADS: "1",
  OPENBLAS_NUM_THREADS: "1",
  MKL_NUM_THREADS: "1",
  NUMEXPR_NUM_THREADS: "1",
  ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS: "1",
  PYTHONDONTWRITEBYTECODE: "1",
  PYTHONWARNINGS: "ignore",
};

export const BASELINE = join(BENCH_FOLDER, "scipy_baseline.py");
const VENV = join(BENCH_FOLDER, ".venv");
const REQUIREMENTS = join(BENCH_FOLDER, "requirements.txt");

/** A Python that can run the reference side, or why there is none. */
export type Reference =
  | { readonly python: string; readonly versions: Readonly<Record<string, string>> }
  | { readonly missing: string };

function askVersions(python: string): Readonly<Record<string, string>> | string {
  const { status, stdout, stderr, error } = spawnSync(python, [BASELINE, "versions"], {
    env: ONE_THREAD,
    encoding: "utf8",
  });
  if (error !== undefined) return error.message;
  if (status !== 0) return stderr.trim().split("\n").at(-1) ?? `exit code ${status}`;
  return JSON.parse(stdout.trim().split("\n").at(-1) as string);
}

function run(program: string, parameters: readonly string[]): string | null {
  const { status, stderr, error } = spawnSync(program, parameters, {
    stdio: ["ignore", "inherit", "pipe"],
    encoding: "utf8",
  });
  if (error !== undefined) return error.message;
  return status === 0 ? null : (stderr.trim().split("\n").at(-1) ?? `exit code ${status}`);
}

/**
 * Finds the Python of the reference side. NNPREP_BENCH_PYTHON names one that has the packages already; otherwise an
 * environment is made in bench/.venv from requirements.txt, once.
 */
export function findReference(): Reference {
  const given = process.env.NNPREP_BENCH_PYTHON;
  if (given === "none") return { missing: "NNPREP_BENCH_PYTHON is none" };
  if (given !== undefined && given !== "") {
    const versions = askVersions(given);
    return typeof versions === "string" ? { missing: `${given}: ${versions}` } : { python: given, versions };
  }
  const python = join(VENV, process.platform === "win32" ? "Scripts/python.exe" : "bin/python");
  if (!existsSync(python)) {
    process.stderr.write("making a Python environment in bench/.venv (about 750 MB)\n");
    const failure =
      run("python3", ["-m", "venv", VENV]) ??
      run(python, ["-m", "pip", "install", "--quiet", "--no-deps", "-r", REQUIREMENTS]);
    if (failure !== null) {
      rmSync(VENV, { recursive: true, force: true });
      return { missing: `the Python environment could not be made: ${failure}` };
    }
  }
  const versions = askVersions(python);
  if (typeof versions === "string") return { missing: `${python}: ${versions}; remove bench/.venv to make it again` };
  return { python, versions };
}
