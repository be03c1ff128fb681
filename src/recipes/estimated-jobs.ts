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

/** Labels that occur, ascending. */
export function labelsOf(data: Uint8Array | Uint16Array): number[] {
  const found = new Uint8Array(1 << 16);
  for (let i = 0; i < data.length; i++) found[data[i]] = 1;
  return Array.from(found.keys()).filter((label) => found[label] === 1);
}
