import { NnprepError } from "../core/errors.js";
import type { NamedJob } from "../runner/jobs.js";

/** The generations of nnU-Net; each is loaded when it is first asked for. */
const RECIPES = {
  v1: () => import("./v1/stages/jobs.js"),
  v2: () => import("./v2/stages/jobs.js"),
} as const;

export type Generation = keyof typeof RECIPES;

/**
 * The job that a stage of one generation named.
 * @param name `GENERATION/JOB`
 * @throws NnprepError INVALID_ARGUMENT
 */
export async function findJob(name: string): Promise<NamedJob> {
  const load = RECIPES[name.slice(0, name.indexOf("/")) as Generation];
  const jobs: readonly NamedJob[] = load === undefined ? [] : (await load()).jobs;
  const job = jobs.find((candidate) => candidate.name === name);
  if (job === undefined) throw new NnprepError("INVALID_ARGUMENT", `no job is called ${name}`, { found: name });
  return job;
}
