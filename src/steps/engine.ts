import { startThreads } from "#threads";
import { checkLength, type Shape3, voxelCount } from "../core/volume.js";
import { resizeCubic, resizeCubicSlices, resizeFirstAxis } from "../kernels/cubic.js";
import { type BetweenPasses, cutPlane, planCubic, scatterPlane } from "../kernels/cubic-tiles.js";
import type { CubicJob } from "../kernels/cubic-window.js";
import { BLOCK, type Extent, joinExtents } from "../kernels/extent.js";
import type { JobPool, PageWorker } from "../runtime/answers.js";
import { init, kernels } from "../runtime/instantiate.js";
import type { FirstAxisCall, PlanesCall, Sent, SlicesCall } from "./engine-worker.js";

/** The page's own; never called in Node. */
declare const Worker: new (url: string | URL, options: { readonly type: "module" }) => PageWorker;

/** How an engine's threads see a volume. */
export type Sharing = "shared" | "transfer" | "none";

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

/** Resamples one volume with several threads. The result is the same, bit by bit, for every number of them. */
export interface Engine {
  readonly threads: number;
  readonly sharing: Sharing;
  /** As `resizeCubic` of one thread. */
  resizeCubic(data: Float32Array, shape: Shape3, newShape: Shape3, output?: Float32Array): Promise<Float32Array>;
  /** As `resizeCubicSlices` of one thread. */
  resizeCubicSlices(
    data: Float32Array,
    shape: Shape3,
    newPlane: readonly [number, number],
    output?: Float32Array,
  ): Promise<Float32Array>;
  /** Ends the threads. */
  close(): Promise<void>;
}

/** Slices in a slab: fixed, so that the work is cut the same way whatever the number of threads. */
const SLAB = 4 * BLOCK;
/** Jobs that the last pass is cut into. */
const LAST_PASS_JOBS = 6;

function bestSharing(): Sharing {
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated;
  return typeof SharedArrayBuffer === "function" && isolated !== false ? "shared" : "transfer";
}

/**
 * Starts worker threads for the resampling of single volumes: shared memory where the platform allows it, otherwise
 * slabs are transferred (the last axis then stays on the caller's thread), otherwise all work stays there.
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  await init();
  const sharing = options.threads <= 1 ? "none" : (options.sharing ?? bestSharing());
  if (sharing === "none") return new CallersThread();
  const url = options.workerUrl;
  const pool = startThreads({
    threads: options.threads,
    url: new URL(url ?? "./engine-worker.js", import.meta.url),
    // Bundlers look for these very words.
    start: () =>
      url === undefined
        ? new Worker(new URL("./engine-worker.js", import.meta.url), { type: "module" })
        : new Worker(url, { type: "module" }),
  });
  return new ThreadEngine(pool, options.threads, sharing);
}

class CallersThread implements Engine {
  readonly threads = 1;
  readonly sharing = "none";

  async resizeCubic(data: Float32Array, shape: Shape3, newShape: Shape3, output?: Float32Array): Promise<Float32Array> {
    return resizeCubic(data, shape, newShape, output);
  }

  async resizeCubicSlices(
    data: Float32Array,
    shape: Shape3,
    newPlane: readonly [number, number],
    output?: Float32Array,
  ): Promise<Float32Array> {
    return resizeCubicSlices(data, shape, newPlane, output);
  }

  async close(): Promise<void> {}
}

/** A copy in memory that can be handed over whole. */
function detachable(part: Float32Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(part);
}

function slabs(count: number): [number, number][] {
  const result: [number, number][] = [];
  for (let from = 0; from < count; from += SLAB) result.push([from, Math.min(count, from + SLAB)]);
  return result;
}

class ThreadEngine implements Engine {
  readonly threads: number;
  readonly sharing: Sharing;
  readonly #pool: JobPool;
  readonly #buffers: SharedArrayBuffer[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(pool: JobPool, threads: number, sharing: Sharing) {
    this.#pool = pool;
    this.threads = threads;
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

  async resizeCubic(
    data: Float32Array,
    shape: Shape3,
    newShape: Shape3,
    output: Float32Array = new Float32Array(voxelCount(newShape)),
  ): Promise<Float32Array> {
    checkLength("input", data, shape);
    checkLength("output", output, newShape);
    if (this.sharing === "transfer") {
      await this.#resizeTransferred(data, shape, newShape, output);
      return output;
    }
    // One volume at a time: calls that overlap would share the buffers.
    const turn = this.#last.then(() => this.#resizeShared(data, shape, newShape, output));
    this.#last = turn.catch(() => undefined);
    await turn;
    return output;
  }

  async #resizeShared(data: Float32Array, shape: Shape3, newShape: Shape3, output: Float32Array): Promise<void> {
    const { tiles, storeLength } = planCubic(shape, newShape);
    const source = this.#shared<Float32Array>(0, data.length * 4, Float32Array, data.length);
    source.set(data);
    const target = this.#shared<Float32Array>(1, output.length * 4, Float32Array, output.length);
    const store = this.#shared<Float64Array>(2, storeLength * 8, Float64Array, storeLength);
    const job: CubicJob = { data: source, shape, newShape, planar: false, within: null };
    const between: BetweenPasses = { tiles, samples: shape[0], store };
    const parts = await Promise.all(
      slabs(shape[0]).map((slab) =>
        this.#run<{ extent: Extent }>("planes", { job, slab, between } satisfies PlanesCall),
      ),
    );
    const extent = joinExtents(parts.map((part) => part.extent));
    const jobs: Promise<unknown>[] = [];
    const count = Math.ceil(tiles.length / LAST_PASS_JOBS);
    for (let first = 0; first < tiles.length; first += count) {
      const some = { ...between, tiles: tiles.slice(first, first + count) };
      jobs.push(this.#run("firstAxis", { job, between: some, extent, output: target } satisfies FirstAxisCall));
    }
    await Promise.all(jobs);
    output.set(target);
  }

  async #resizeTransferred(data: Float32Array, shape: Shape3, newShape: Shape3, output: Float32Array): Promise<void> {
    const [n0, n1, n2] = shape;
    const { tiles, storeLength } = planCubic(shape, newShape);
    const between: BetweenPasses = { tiles, samples: n0, store: new Float64Array(storeLength) };
    const plane = storeLength / n0;
    const extents = await Promise.all(
      slabs(n0).map(async ([from, to]) => {
        const part = detachable(data.subarray(from * n1 * n2, to * n1 * n2));
        const call: PlanesCall = {
          job: { data: part, shape: [to - from, n1, n2], newShape, planar: false, within: null },
          slab: [0, to - from],
          between: { tiles: [{ lane: 0, lanes: plane }], samples: to - from, store: new Float64Array(0) },
        };
        const { extent, store } = await this.#run<{ extent: Extent; store: Float64Array }>("planes", call, [
          part.buffer,
        ]);
        for (let i = 0; i < to - from; i++) {
          scatterPlane(cutPlane(store.subarray(i * plane, (i + 1) * plane), tiles), from + i, between);
        }
        return extent;
      }),
    );
    resizeFirstAxis({ data, shape, newShape, planar: false, within: null }, between, joinExtents(extents), output);
  }

  async resizeCubicSlices(
    data: Float32Array,
    shape: Shape3,
    newPlane: readonly [number, number],
    output: Float32Array = new Float32Array(shape[0] * newPlane[0] * newPlane[1]),
  ): Promise<Float32Array> {
    const [n0, n1, n2] = shape;
    const plane = newPlane[0] * newPlane[1];
    checkLength("input", data, shape);
    checkLength("output", output, [n0, ...newPlane]);
    await Promise.all(
      slabs(n0).map(async ([from, to]) => {
        const part = detachable(data.subarray(from * n1 * n2, to * n1 * n2));
        const call: SlicesCall = { data: part, shape: [to - from, n1, n2], newPlane, output: null };
        output.set(await this.#run<Float32Array>("slices", call, [part.buffer]), from * plane);
      }),
    );
    return output;
  }

  #run<T>(method: string, call: PlanesCall | FirstAxisCall | SlicesCall, transfer: ArrayBuffer[] = []): Promise<T> {
    const sent: Sent<typeof call> = { kernels: kernels().module, call };
    return this.#pool.run<T>(method, sent, { name: "a resampling" }, transfer);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
