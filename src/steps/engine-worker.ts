import { serveThread } from "#threads";
import type { Shape3 } from "../core/volume.js";
import type { Extent } from "../kernels/cubic/extent.js";
import { type FirstAxisPass, roundFirstAxis } from "../kernels/cubic/first-axis.js";
import { InfluenceLevels } from "../kernels/cubic/influence-levels.js";
import type { CubicJob } from "../kernels/cubic/job.js";
import { resizeFirstAxis, resizePlanes } from "../kernels/cubic/resize.js";
import { resizeCubicSlices } from "../kernels/cubic/slices.js";
import { type Band, type BetweenPasses, lanesOfTiles } from "../kernels/cubic/tiles.js";
import type { UncertainVoxel } from "../kernels/cubic/uncertain-voxels.js";
import { init } from "../runtime/instantiate.js";
import { TransferredBuffers } from "../runtime/transferred-buffers.js";

/** Slices [from, to) of a volume through the two last axes, into shared memory. */
export interface PlanesCall {
  readonly job: CubicJob;
  readonly slab: readonly [number, number];
  readonly block: BetweenPasses;
}

/** The first axis of some tiles in shared memory. */
export interface FirstAxisCall {
  readonly job: CubicJob;
  readonly block: BetweenPasses;
  readonly extent: Extent;
  readonly output: Float32Array;
}

/** One of the parts that the planes between the passes are cut into. */
export interface Part {
  readonly slab: number;
  readonly band: number;
  readonly block: BetweenPasses;
}

/** All slices of a slab that was handed over through the two last axes. */
export interface SlabCall {
  /** Which volume of the engine it is, and which of its slabs. */
  readonly volume: number;
  readonly slab: number;
  readonly job: CubicJob;
  readonly bands: readonly Band[];
  /** Which of the threads this is: parts of its own bands, `band % threads`, stay with it. */
  readonly thread: number;
  readonly threads: number;
  /** Parts of its own bands that others made. */
  readonly parts: readonly Part[];
}

export interface SlabAnswer {
  readonly extent: Extent;
  /** What was handed over. */
  readonly data: Float32Array;
  /** Parts of other threads' bands. */
  readonly parts: readonly Part[];
}

/** The first axis of a band of its own, without the source. */
export interface BandCall {
  readonly volume: number;
  readonly band: number;
  readonly pass: Omit<FirstAxisPass, "blocks">;
  /** Of shape (newShape[0], rows, newShape[2]). */
  readonly output: Float32Array;
  /** Words of `InfluenceLevels` of these rows, once they are known. */
  readonly levels: Int32Array | null;
  readonly parts: readonly Part[];
}

export interface BandAnswer {
  /** What was handed over, with the result. */
  readonly output: Float32Array;
  /** There is no result yet: too much is uncertain without levels. */
  readonly levelsNeeded: boolean;
  /** Voxels that are left to repair, in rows of the band; null when they are many and marked by NaN. */
  readonly uncertain: readonly UncertainVoxel[] | null;
}

export interface SlicesCall {
  readonly data: Float32Array;
  readonly shape: Shape3;
  readonly newPlane: readonly [number, number];
  readonly output: Float32Array;
}

/** What was handed over. */
export type SlicesAnswer = Pick<SlicesCall, "data" | "output">;

export type EngineCall = PlanesCall | FirstAxisCall | SlabCall | BandCall | SlicesCall;

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

/** Memory of parts. As many arrive as leave. */
const stores = new TransferredBuffers();
/** Parts of the thread's own bands, by band and slab. */
let kept: BetweenPasses[][] = [];
let lastVolume = -1;

function keepParts(volume: number, parts: readonly Part[]): void {
  if (volume !== lastVolume) {
    stores.endRound();
    kept = [];
    lastVolume = volume;
  }
  for (const { slab, band, block } of parts) {
    const ofBand = kept[band] ?? [];
    ofBand[slab] = block;
    kept[band] = ofBand;
  }
}

function runSlab({ volume, slab, job, bands, thread, threads, parts }: SlabCall): SlabAnswer {
  keepParts(volume, parts);
  const [samples] = job.shape;
  const made = bands.map(({ tiles }, band): Part => {
    return { slab, band, block: { tiles, samples, store: stores.float64(samples * lanesOfTiles(tiles)) } };
  });
  const blocks = made.map(({ block }) => block);
  const extent = resizePlanes(job, [0, samples], blocks);
  const isOwn = ({ band }: Part) => band % threads === thread;
  keepParts(volume, made.filter(isOwn));
  return { extent, data: job.data, parts: made.filter((part) => !isOwn(part)) };
}

function runBand({ volume, band, pass, output, levels, parts }: BandCall): BandAnswer {
  keepParts(volume, parts);
  const blocks = kept[band] ?? [];
  const [m0, , m2] = pass.newShape;
  const held: Shape3 = [m0, pass.rows[1] - pass.rows[0], m2];
  const known = levels === null ? null : new InfluenceLevels(levels, pass.shape[0], held);
  const uncertain = roundFirstAxis({ ...pass, blocks }, output, known, null);
  if (uncertain === null) return { output, levelsNeeded: true, uncertain: null };
  stores.give(...blocks.map(({ store }) => store));
  delete kept[band];
  return { output, levelsNeeded: false, uncertain: uncertain.few };
}

/** Worker thread of an engine: parts of one resampling. */
serveThread({
  planes: withKernels(({ job, slab, block }: PlanesCall): Extent => resizePlanes(job, slab, [block])),
  slab: withKernels(runSlab),
  band: withKernels(runBand),
  firstAxis: withKernels(({ job, block, extent, output }: FirstAxisCall): null => {
    resizeFirstAxis(job, block, extent, output);
    return null;
  }),
  slices: withKernels(({ data, shape, newPlane, output }: SlicesCall): SlicesAnswer => {
    resizeCubicSlices(data, shape, newPlane, output);
    return { data, output };
  }),
});
