import type { Shape3 } from "../core/volume.js";
import { envelope } from "../kernels/cubic/envelope.js";
import { type Extent, joinExtents, largestOfRange } from "../kernels/cubic/extent.js";
import { InfluenceLevels } from "../kernels/cubic/influence-levels.js";
import type { CubicJob } from "../kernels/cubic/job.js";
import { padToLanes } from "../kernels/cubic/lanes.js";
import { repairUncertain } from "../kernels/cubic/repair.js";
import { type Band, bandsOfTiles, planCubic } from "../kernels/cubic/tiles.js";
import { UncertainVoxels } from "../kernels/cubic/uncertain-voxels.js";
import { TransferredBuffers } from "../runtime/transferred-buffers.js";
import type { EngineThreads } from "./engine-threads.js";
import type { BandAnswer, BandCall, Part, SlabAnswer, SlabCall, SlicesAnswer, SlicesCall } from "./engine-worker.js";

/** Bands that the last pass is cut into at least. */
const BANDS = 16;

/** A range of slices. */
export type Slab = readonly [from: number, to: number];

/**
 * Cubic resampling by threads that share no memory. Slabs of slices travel to the threads, whose planes between the passes
 * are cut into bands of output rows. Each thread has bands of its own: it keeps their parts, and is sent those that others
 * made with its next call. The rows of a band travel back. The caller's thread copies slabs and bands, and repairs the
 * uncertain voxels, for which the whole source is needed. It never holds many parts: what a thread is sent counts as
 * allocated there, and leads to a collection of garbage for every few dozen megabytes.
 */
export class TransferredCubic {
  readonly #threads: EngineThreads;
  readonly #buffers = new TransferredBuffers();
  /** Parts that wait for a call of the thread that has their band. */
  #outboxes: Part[][] = [];
  #volume = 0;

  constructor(threads: EngineThreads) {
    this.#threads = threads;
  }

  /** As `resizeCubic` with an output. Calls may not overlap. */
  async resize(job: CubicJob, slabs: readonly Slab[], output: Float32Array): Promise<void> {
    const { shape, newShape } = job;
    const { count } = this.#threads;
    this.#volume++;
    this.#outboxes = Array.from({ length: count }, () => []);
    const bands = bandsOfTiles(planCubic(shape, newShape).tiles, newShape, Math.ceil(BANDS / count) * count);
    const extents = await this.#threads.share(slabs, (slab, thread, s) =>
      this.#resizeSlab(job, bands, slab, thread, s),
    );
    const extent = joinExtents(extents);
    if (extent.finite) await this.#resizeFirstAxis(job, bands, extent, output);
    else output.fill(Number.NaN);
    this.#buffers.endRound();
  }

  /** The parts that wait for a thread, and their memory. */
  #takeParts(thread: number): { parts: Part[]; memory: ArrayBuffer[] } {
    const parts = this.#outboxes[thread] ?? [];
    this.#outboxes[thread] = [];
    return { parts, memory: parts.map(({ block }) => block.store.buffer as ArrayBuffer) };
  }

  /** The two last axes of a slab. */
  async #resizeSlab(
    { data, shape, newShape }: CubicJob,
    bands: readonly Band[],
    [from, to]: Slab,
    thread: number,
    slab: number,
  ): Promise<Extent> {
    const [, n1, n2] = shape;
    const values = this.#buffers.float32((to - from) * n1 * n2);
    values.set(data.subarray(from * n1 * n2, to * n1 * n2));
    const job: CubicJob = {
      data: values,
      scaling: null,
      shape: [to - from, n1, n2],
      newShape,
      planar: false,
      within: null,
    };
    const { parts, memory } = this.#takeParts(thread);
    const threads = this.#threads.count;
    const call: SlabCall = { volume: this.#volume, slab, job, bands, thread, threads, parts };
    const answer = await this.#threads.run<SlabAnswer>(thread, "slab", call, [values.buffer, ...memory]);
    for (const part of answer.parts) this.#outboxes[part.band % threads]?.push(part);
    this.#buffers.give(answer.data);
    return answer.extent;
  }

  async #resizeFirstAxis(job: CubicJob, bands: readonly Band[], extent: Extent, output: Float32Array): Promise<void> {
    const { shape, newShape } = job;
    const [m0, m1, m2] = newShape;
    const width = padToLanes(m2);
    const range = { low: extent.low, high: extent.high };
    const all = { shape, newShape, within: null, range, reaching: envelope(extent, null, shape[2], m2) };
    let levels: InfluenceLevels | null = null;
    await this.#threads.deal(bands, async ({ rows }, thread, band) => {
      const pass = { ...all, rows };
      const room = this.#buffers.float32(m0 * (rows[1] - rows[0]) * m2);
      let answer = await this.#runBand(thread, band, pass, room, levels);
      if (answer.levelsNeeded) {
        const pending = { from: 0, to: m1 * width, width };
        levels ??= InfluenceLevels.find(job, largestOfRange(extent), null, pending);
        answer = await this.#runBand(thread, band, pass, answer.output, levels);
      }
      placeBand(answer.output, rows, newShape, output);
      this.#buffers.give(answer.output);
      const lanes = { from: rows[0] * width, to: rows[1] * width, width };
      const uncertain = answer.uncertain?.map((voxel) => ({ ...voxel, k1: voxel.k1 + rows[0] })) ?? null;
      repairUncertain(job, new UncertainVoxels(output, newShape, lanes, uncertain), extent, output);
    });
  }

  #runBand(
    thread: number,
    band: number,
    pass: BandCall["pass"],
    output: Float32Array,
    levels: InfluenceLevels | null,
  ): Promise<BandAnswer> {
    const { parts, memory } = this.#takeParts(thread);
    const words = levels?.wordsOfRows(pass.rows) ?? null;
    const call: BandCall = { volume: this.#volume, band, pass, output, levels: words, parts };
    return this.#threads.run(thread, "band", call, [output.buffer as ArrayBuffer, ...memory]);
  }

  /** As `resizeCubicSlices` with an output. Calls may not overlap. */
  async resizeSlices(
    data: Float32Array,
    [, n1, n2]: Shape3,
    newPlane: readonly [number, number],
    slabs: readonly Slab[],
    output: Float32Array,
  ): Promise<void> {
    const plane = newPlane[0] * newPlane[1];
    await this.#threads.share(slabs, async ([from, to], thread) => {
      const values = this.#buffers.float32((to - from) * n1 * n2);
      values.set(data.subarray(from * n1 * n2, to * n1 * n2));
      const room = this.#buffers.float32((to - from) * plane);
      const call: SlicesCall = { data: values, shape: [to - from, n1, n2], newPlane, output: room };
      const answer = await this.#threads.run<SlicesAnswer>(thread, "slices", call, [values.buffer, room.buffer]);
      output.set(answer.output, from * plane);
      this.#buffers.give(answer.data, answer.output);
    });
    this.#buffers.endRound();
  }
}

/** Copies the rows of a band to their place in the volume. */
function placeBand(values: Float32Array, [from, to]: Slab, [m0, m1, m2]: Shape3, output: Float32Array): void {
  const length = (to - from) * m2;
  for (let k0 = 0; k0 < m0; k0++) {
    output.set(values.subarray(k0 * length, (k0 + 1) * length), (k0 * m1 + from) * m2);
  }
}
