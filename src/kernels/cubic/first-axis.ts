/* The last pass of a cubic resampling of a volume: its first axis. */
import type { Shape3 } from "../../core/volume.js";
import { kernels } from "../../runtime/instantiate.js";
import type { Envelope } from "./envelope.js";
import { RELATIVE_ERROR } from "./error-bound.js";
import type { Range } from "./extent.js";
import type { InfluenceLevels } from "./influence-levels.js";
import { LANES, padToLanes } from "./lanes.js";
import { RoundedPass, type RoundedTile } from "./rounded-pass.js";
import { blockOfSample } from "./taps.js";
import { type BetweenPasses, gatherTile, type Run, runsOfTile, type Tile } from "./tiles.js";
import { type Lanes, UncertainVoxels } from "./uncertain-voxels.js";

/** The first axis of some tiles. It needs nothing of the source but what is said here. */
export interface FirstAxisPass {
  readonly shape: Shape3;
  readonly newShape: Shape3;
  /** Label of `newShape`; only with all rows. */
  readonly within: Int16Array | null;
  /** Rows of the output plane that the output holds, all tiles among them. */
  readonly rows: readonly [number, number];
  /** Of the same tiles, one after the other along the first axis. */
  readonly blocks: readonly BetweenPasses[];
  readonly range: Range;
  readonly reaching: Envelope;
}

/**
 * The first axis, tile after tile, rounded to float32.
 *
 * @param output of shape (newShape[0], rows, newShape[2])
 * @param levels what is known of them, in rows of the output
 * @param findLevels called when they are needed; it may use the scratch window, and the output of the pending lanes. Null when
 *   they cannot be found here
 * @returns the voxels whose rounding is uncertain, in rows of the output; null when levels are needed that cannot be found
 */
export function roundFirstAxis(
  job: FirstAxisPass,
  output: Float32Array,
  levels: InfluenceLevels | null,
  findLevels: ((pending: Lanes) => InfluenceLevels) | null,
): UncertainVoxels | null {
  const { shape, newShape, rows, blocks } = job;
  const tiles = blocks[0]?.tiles ?? [];
  const [m0, , m2] = newShape;
  const held: Shape3 = [m0, rows[1] - rows[0], m2];
  const width = padToLanes(m2);
  const firstLane = rows[0] * width;
  const end = tiles.reduce((last, t) => Math.max(last, t.lane + t.lanes), firstLane) - firstLane;
  const uncertain = new UncertainVoxels(output, held, {
    from: (tiles[0]?.lane ?? firstLane) - firstLane,
    to: end,
    width,
  });
  let known = levels;
  let { input, pass } = openPass(job);
  // Tiles that are cut alike share their views; there are few ways.
  const runsOf = new Map<string, Run[]>();
  for (let t = 0; t < tiles.length; t++) {
    const tile = tiles[t];
    const { lanes } = tile;
    const lane = tile.lane - firstLane;
    gatherTile(tile, blocks, kernels().window.f64(input, shape[0] * lanes));
    const count = pass.run(roundedTile(job, tile, input, lane, known));
    if (count < 0) {
      if (findLevels === null) return null;
      // Working out the levels takes the window: set it up again and repeat this tile.
      known = findLevels({ from: lane, to: end, width });
      ({ input, pass } = openPass(job));
      runsOf.clear();
      t--;
      continue;
    }
    const column = lane % width;
    const room = Math.min(lanes, m2 - column);
    const cut = `${lanes} ${room}`;
    const runs = runsOf.get(cut) ?? runsOfTile(pass.result(lanes), lanes, room, held, width);
    runsOf.set(cut, runs);
    const place = Math.floor(lane / width) * m2 + column;
    for (const { values, to } of runs) output.set(values, place + to);
    pass.forEachUncertain(count, (k0, at, value) => {
      const k1 = Math.floor((lane + at) / width);
      const k2 = lane + at - k1 * width;
      if (k2 < m2) uncertain.add(k0, k1, k2, value);
    });
  }
  return uncertain;
}

function openPass({ shape, newShape, within, blocks, range }: FirstAxisPass): { input: number; pass: RoundedPass } {
  const [n0] = shape;
  const [m0] = newShape;
  const most = (blocks[0]?.tiles ?? []).reduce((a, t) => Math.max(a, t.lanes), 0);
  const [input, ...rest] = kernels().window.reserve(
    n0 * most * 8,
    ...RoundedPass.byteLengths(n0, m0, most, within !== null),
  );
  return { input, pass: new RoundedPass(n0, m0, range, rest) };
}

/** A tile as the pass wants it; `lane` is its first in the output's rows. */
function roundedTile(
  job: FirstAxisPass,
  tile: Tile,
  input: number,
  lane: number,
  levels: InfluenceLevels | null,
): RoundedTile {
  const { lanes } = tile;
  return {
    input,
    inputStride: lanes * 8,
    groupBytes: 0,
    lanes,
    fillTolerances: (values) => fillTolerances(job, tile, values),
    fillLevels: levels === null ? null : (values) => levels.fill(lane, lanes, values),
    fillWithin: job.within === null ? null : (values) => fillWithin(job, tile, values),
  };
}

/** Labels of the lanes of a tile, whose padding is nobody's concern. */
function fillWithin({ within, newShape }: FirstAxisPass, { lane, lanes }: Tile, values: Int16Array): void {
  const [m0, m1, m2] = newShape;
  const width = padToLanes(m2);
  if (width !== m2) values.fill(-1);
  for (let at = 0; at < lanes; ) {
    const k1 = Math.floor((lane + at) / width);
    const k2 = lane + at - k1 * width;
    const count = Math.min(lanes - at, width - k2);
    const valid = Math.min(count, m2 - k2);
    for (let k0 = 0; k0 < m0 && valid > 0; k0++) {
      const from = (k0 * m1 + k1) * m2 + k2;
      values.set((within as Int16Array).subarray(from, from + valid), k0 * lanes + at);
    }
    at += count;
  }
}

function fillTolerances({ shape, newShape, reaching }: FirstAxisPass, tile: Tile, values: Float64Array): void {
  const width = padToLanes(newShape[2]);
  const block1 = blockOfSample(shape[1], newShape[1]);
  const [blocks0, blocks1] = reaching.blocks;
  for (let group = 0, at = 0; group < tile.lanes / LANES; group++) {
    const first = tile.lane + group * LANES;
    const k1 = Math.floor(first / width);
    const column = (first - k1 * width) / LANES;
    for (let b0 = 0; b0 < blocks0; b0++) {
      const row = b0 * blocks1 + block1[k1];
      values[at++] = RELATIVE_ERROR * reaching.values[row * reaching.groups + column];
    }
  }
}
