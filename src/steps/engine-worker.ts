import { serveThread } from "#threads";
import type { Shape3 } from "../core/volume.js";
import { resizeCubicSlices, resizeFirstAxis, resizePlanes } from "../kernels/cubic.js";
import type { BetweenPasses } from "../kernels/cubic-tiles.js";
import type { CubicJob } from "../kernels/cubic-window.js";
import type { Extent } from "../kernels/extent.js";
import { init } from "../runtime/instantiate.js";

/** Slices [from, to) of a volume through the two last axes. `store` is shared, or the worker's own to give back. */
export interface PlanesCall {
  readonly job: CubicJob;
  readonly slab: readonly [number, number];
  readonly between: BetweenPasses;
}

export interface FirstAxisCall {
  readonly job: CubicJob;
  readonly between: BetweenPasses;
  readonly extent: Extent;
  readonly output: Float32Array;
}

export interface SlicesCall {
  readonly data: Float32Array;
  readonly shape: Shape3;
  readonly newPlane: readonly [number, number];
  /** Shared memory for the result; null when the result travels back. */
  readonly output: Float32Array | null;
}

/** A call and the kernels of the thread that makes it, so that a worker fetches nothing. */
export interface Sent<C> {
  readonly kernels: WebAssembly.Module;
  readonly call: C;
}

function withKernels<C, R>(work: (call: C) => R): (sent: Sent<C>) => Promise<R> {
  return async ({ kernels, call }) => {
    await init({ wasm: kernels });
    return work(call);
  };
}

/** Worker thread of an engine: parts of one resampling. */
serveThread({
  planes: withKernels(({ job, slab, between }: PlanesCall): { extent: Extent; store: Float64Array | null } => {
    const own = between.store.length > 0 ? between : { ...between, store: new Float64Array(storeLength(between)) };
    const extent = resizePlanes(job, slab, own);
    return { extent, store: own === between ? null : own.store };
  }),
  firstAxis: withKernels(({ job, between, extent, output }: FirstAxisCall): null => {
    resizeFirstAxis(job, between, extent, output);
    return null;
  }),
  slices: withKernels(({ data, shape, newPlane, output }: SlicesCall): Float32Array | null => {
    if (output === null) return resizeCubicSlices(data, shape, newPlane);
    resizeCubicSlices(data, shape, newPlane, output);
    return null;
  }),
});

function storeLength({ tiles, samples }: BetweenPasses): number {
  return samples * tiles.reduce((lanes, tile) => lanes + tile.lanes, 0);
}
