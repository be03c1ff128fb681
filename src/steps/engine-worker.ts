import type { Shape3 } from "../core/volume.js";
import { type BetweenPasses, resizeCubicSlices, resizeFirstAxis, resizePlanes } from "../kernels/cubic.js";
import type { CubicJob } from "../kernels/cubic-repair.js";
import type { Extent } from "../kernels/extent.js";
import { init } from "../runtime/instantiate.js";
import { serveWorker } from "../runtime/pool.js";

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

/** Worker thread of an engine: parts of one resampling. */
serveWorker({
  async planes({ job, slab, between }: PlanesCall): Promise<{ extent: Extent; store: Float64Array | null }> {
    await init();
    const own = between.store.length > 0 ? between : { ...between, store: new Float64Array(storeLength(between)) };
    const extent = resizePlanes(job, slab, own);
    return { extent, store: own === between ? null : own.store };
  },
  async firstAxis({ job, between, extent, output }: FirstAxisCall): Promise<null> {
    await init();
    resizeFirstAxis(job, between, extent, output);
    return null;
  },
  async slices({ data, shape, newPlane, output }: SlicesCall): Promise<Float32Array | null> {
    await init();
    if (output === null) return resizeCubicSlices(data, shape, newPlane);
    resizeCubicSlices(data, shape, newPlane, output);
    return null;
  },
});

function storeLength({ tiles, samples }: BetweenPasses): number {
  return samples * tiles.reduce((lanes, tile) => lanes + tile.lanes, 0);
}
