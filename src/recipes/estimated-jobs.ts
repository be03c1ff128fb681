import type { CaseJob } from "../runner/run.js";

/**
 * One job per case, with the memory that it will need.
 * @param estimate bytes of a case; undefined, or an error, where its files do not tell: the case then fails by itself,
 * with a message of its own
 */
export async function estimatedJobs<A>(
  identifiers: readonly string[],
  argument: (identifier: string) => A,
  estimate: (identifier: string) => Promise<number | undefined>,
): Promise<CaseJob<A>[]> {
  const jobs: CaseJob<A>[] = [];
  for (const identifier of identifiers) {
    const memoryBytes = await estimate(identifier).catch(() => undefined);
    const job = { identifier, argument: argument(identifier) };
    jobs.push(memoryBytes === undefined ? job : { ...job, memoryBytes });
  }
  return jobs;
}
