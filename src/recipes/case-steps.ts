import { NnprepError } from "../core/errors.js";
import type { CubicResampler, Precision } from "../steps/resampler.js";

/** How far a case is. */
export interface CaseProgress {
  /** What is being done, in words. */
  readonly step: string;
  readonly done: number;
  readonly total: number;
}

/** How a function of a recipe runs on a case, whatever the recipe: the same in a page, a worker process and a script. */
export interface CaseRunOptions {
  /** What `createEngine` gives resamples with its threads; default: the caller's thread. */
  readonly resampler?: CubicResampler | undefined;
  /**
   * "exact" (default): the reference's bits. "fast": cubic resampling in float32 on the caller's thread, not bit-equal,
   * with errors below 4e-7 of the range of what is resampled.
   */
  readonly precision?: Precision | undefined;
  /** Called before each step, and when all are done. */
  readonly onProgress?: ((progress: CaseProgress) => void) | undefined;
  /** Stops before the next step with the error `ABORTED`. */
  readonly signal?: AbortSignal | undefined;
}

/** The steps of a case, one after the other, told and stopped in between. */
export class CaseSteps {
  #done = 0;

  constructor(
    private readonly total: number,
    private readonly options: CaseRunOptions,
  ) {}

  /** @throws NnprepError ABORTED */
  async run<T>(step: string, work: () => T | Promise<T>): Promise<T> {
    const { signal, onProgress } = this.options;
    const { total } = this;
    if (signal?.aborted === true) {
      throw new NnprepError("ABORTED", `stopped before step ${this.#done + 1} of ${total} (${step})`, { step });
    }
    onProgress?.({ step, done: this.#done, total });
    const result = await work();
    this.#done++;
    if (this.#done === total) onProgress?.({ step: "done", done: total, total });
    return result;
  }
}
