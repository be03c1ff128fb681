import { startThreads } from "#threads";
import { checkLength, type Shape3, voxelCount } from "../core/volume.js";
import { BLOCK, type Extent, joinExtents } from "../kernels/cubic/extent.js";
import type { CubicJob } from "../kernels/cubic/job.js";
import { type BetweenPasses, bandsOfTiles, blockOfBand, planCubic } from "../kernels/cubic/tiles.js";
import { clipAndScale, type Scaling } from "../kernels/normalize.js";
import { init } from "../runtime/instantiate.js";
import type { PageWorker } from "../runtime/worker-messages.js";
import { EngineThreads } from "./engine-threads.js";
import type { FirstAxisCall, PlanesCall } from "./engine-worker.js";
import { type CubicResampler, exactResampler } from "./resampler.js";
import { type Slab, TransferredCubic } from "./transferred-cubic.js";

/** The page's own; never called in Node. */
declare const Worker: new (url: string | URL, options: { readonly type: "module" }) => PageWorker;

/** How an engine's threads see a volume. */
export type Sharing = "shared" | "transfer" | "none";

/** How many threads an engine has, and where their script is. */
export interface EngineOptions {
  /** Threads that work on one volume; 1 is the caller's own. */
  readonly threads: number;
  /** Forces a way of sharing instead of the best one that the platform allows. */
  readonly sharing?: Sharing;
  /**
   * Where `steps/engine-worker.js` of this package is served, of the page's own origin. Not needed with a bundler that
   * understands `new Worker(new URL(...))` (Vite, webpack 5), nor where the package's modules are served as they are.
   */
  readonly workerUrl?: string;
}

/**
 * Resamples one volume with several threads. The result is the same, bit by bit, for every number of them; threads that
 * share no memory make no use of `within`.
 */
export interface Engine extends CubicResampler {
  readonly threads: number;
  readonly sharing: Sharing;
  /** Ends the threads. */
  close(): Promise<void>;
}

/** Slices in a slab: fixed, so that the work is cut the same way whatever the number of threads. */
const SLAB = 4 * BLOCK;
/** Jobs that the last pass in shared memory is cut into. */
const LAST_PASS_JOBS = 6;

function bestSharing(): Sharing {
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated;
  return typeof SharedArrayBuffer === "function" && isolated !== false ? "shared" : "transfer";
}

/**
 * Starts worker threads for the resampling of single volumes: shared memory where the platform allows it, otherwise parts
 * of the volume are transferred, otherwise all work stays on the caller's thread.
 *
 * Memory of a resize beside input and output: the float64 values between the passes, as with one thread, and up to 64 MiB
 * for each thread. Shared memory adds copies of input and output. Transfer adds, for each thread, two slabs of 16 slices
 * of the input and two bands of the output, which has at least 16 (with two threads up to a quarter of the output); where
 * the source is 0 over large parts an eighth of the values between the passes; and a call whose sizes are others than the
 * last one's may hold what is left of those for its duration. All of it is kept for the next call until `close`.
 *
 * @example
 * ```ts
 * import { createEngine } from "nnprep";
 *
 * const engine = await createEngine({ threads: 2 });
 * const small = new Float32Array(8 * 10 * 12).fill(7);
 * const large = await engine.resizeCubic(small, [8, 10, 12], [16, 20, 24]);
 * await engine.close();
 * console.log(large.length); // 7680
 * ```
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  await init();
  const sharing = options.threads <= 1 ? "none" : (options.sharing ?? bestSharing());
  if (sharing === "none") return callersThread;
  const url = options.workerUrl;
  const here = import.meta.url;
  const start = () =>
    startThreads({
      threads: 1,
      url: new URL(url ?? "./engine-worker.js", here),
      // Bundlers look for these very words.
      start: () =>
        url === undefined
          ? new Worker(new URL("./engine-worker.js", import.meta.url), { type: "module" })
          : new Worker(url, { type: "module" }),
    });
  return new ThreadEngine(new EngineThreads(Array.from({ length: options.threads }, start)), sharing);
}

const callersThread: Engine = { ...exactResampler, threads: 1, sharing: "none", close: async () => {} };

/** Ranges of slices, whole blocks of the extent thick. */
function slabsOf(count: number): Slab[] {
  const result: Slab[] = [];
  for (let from = 0; from < count; from += SLAB) result.push([from, Math.min(count, from + SLAB)]);
  return result;
}

class ThreadEngine implements Engine {
  readonly threads: number;
  readonly sharing: Sharing;
  readonly #threads: EngineThreads;
  readonly #transferred: TransferredCubic;
  readonly #buffers: SharedArrayBuffer[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(threads: EngineThreads, sharing: Sharing) {
    this.#threads = threads;
    this.#transferred = new TransferredCubic(threads);
    this.threads = threads.count;
    this.sharing = sharing;
  }

  /** Shared memory that outlives a call, because the first touch of fresh memory costs more than most kernels. */
  #shared<T>(
    slot: number,
    bytes: number,
    kind: new (buffer: SharedArrayBuffer, at: number, length: number) => unknown,
    length: number,
  ): T {
    let buffer = this.#buffers[slot];
    if (buffer === undefined || buffer.byteLength < bytes) {
      buffer = new SharedArrayBuffer(bytes);
      this.#buffers[slot] = buffer;
    }
    return new kind(buffer, 0, length) as T;
  }

  /** One volume at a time: calls that overlap would share the buffers. */
  async #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    await turn;
  }

  async resizeCubic(
    data: Float32Array,
    shape: Shape3,
    newShape: Shape3,
    output: Float32Array = new Float32Array(voxelCount(newShape)),
    within: Int16Array | null = null,
    scaling: Scaling | null = null,
  ): Promise<Float32Array> {
    checkLength("input", data, shape);
    checkLength("output", output, newShape);
    if (within !== null) checkLength("label", within, newShape);
    // Threads get voxels that are scaled already.
    const scaled = scaling === null ? data : clipAndScale(data, scaling);
    const job: CubicJob = { data: scaled, scaling: null, shape, newShape, planar: false, within };
    await this.#inTurn(() =>
      this.sharing === "shared"
        ? this.#resizeShared(job, output)
        : this.#transferred.resize(job, slabsOf(shape[0]), output),
    );
    return output;
  }

  async #resizeShared({ data, shape, newShape, within }: CubicJob, output: Float32Array): Promise<void> {
    const { tiles, storeLength } = planCubic(shape, newShape);
    const source = this.#shared<Float32Array>(0, data.length * 4, Float32Array, data.length);
    source.set(data);
    const target = this.#shared<Float32Array>(1, output.length * 4, Float32Array, output.length);
    const store = this.#shared<Float64Array>(2, storeLength * 8, Float64Array, storeLength);
    let label: Int16Array | null = null;
    if (within !== null) {
      label = this.#shared<Int16Array>(3, within.length * 2, Int16Array, within.length);
      label.set(within);
    }
    const job: CubicJob = { data: source, scaling: null, shape, newShape, planar: false, within: label };
    const whole: BetweenPasses = { tiles, samples: shape[0], store };
    const parts = await this.#threads.share(slabsOf(shape[0]), (slab, thread) =>
      this.#threads.run<Extent>(thread, "planes", { job, slab, block: whole } satisfies PlanesCall),
    );
    const extent = joinExtents(parts);
    await this.#threads.share(bandsOfTiles(tiles, newShape, LAST_PASS_JOBS), (band, thread) => {
      const block = blockOfBand(whole, band);
      return this.#threads.run(thread, "firstAxis", { job, block, extent, output: target } satisfies FirstAxisCall);
    });
    output.set(target);
  }

  async resizeCubicSlices(
    data: Float32Array,
    shape: Shape3,
    newPlane: readonly [number, number],
    output: Float32Array = new Float32Array(shape[0] * newPlane[0] * newPlane[1]),
  ): Promise<Float32Array> {
    checkLength("input", data, shape);
    checkLength("output", output, [shape[0], ...newPlane]);
    await this.#inTurn(() => this.#transferred.resizeSlices(data, shape, newPlane, slabsOf(shape[0]), output));
    return output;
  }

  close(): Promise<void> {
    return this.#threads.close();
  }
}
