/** The code of a failed call of the operating system. */
export function reason(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Milliseconds before each further attempt. */
const WAITS = [20, 200, 1000];

/**
 * Does `work` again when a file server says that what was opened is gone (ESTALE): another machine has renamed a file over
 * it, and its name leads to the new one. `work` has to begin with the name.
 * @throws what `work` throws, ESTALE when that goes on
 */
export async function retryStale<T>(work: () => Promise<T>): Promise<T> {
  for (const wait of WAITS) {
    try {
      return await work();
    } catch (error) {
      if (reason(error) !== "ESTALE") throw error;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  return work();
}
