/** The work on one case: its stores and a structured-cloneable argument in, a structured-cloneable result out. */
export interface Job<S, A, R> {
  /** Unique: a worker process finds the job by it. */
  readonly name: string;
  readonly run: (stores: S, argument: A) => Promise<R>;
}

/** A job whose types are known only to the stage that asks for it. */
export type NamedJob = Job<never, never, unknown>;

/**
 * Names a function, so that executors can run it.
 * @param name `GENERATION/JOB`; jobs of one generation stand in its `stages/jobs.ts`, where workers look
 */
export function defineJob<S, A, R>(name: string, run: (stores: S, argument: A) => Promise<R>): Job<S, A, R> {
  return { name, run };
}
