/* How the volume between the passes of a cubic resampling is cut up and moved. */
import type { Shape3 } from "../core/volume.js";
import { LANES, padToLanes } from "./plane-pass.js";

/** Bytes of window that the last pass works in: enough for long lines, small enough for the second-level cache. */
const TILE_BYTES = 1 << 20;

/** Part of the padded output plane that goes through the last pass at once: whole rows, or a piece of one. */
export interface Tile {
  readonly lane: number;
  readonly lanes: number;
}

function tilesOfPlane(rows: number, width: number, bytesPerLane: number): Tile[] {
  const lanesAtOnce = Math.max(LANES, Math.floor(TILE_BYTES / bytesPerLane / LANES) * LANES);
  const total = rows * width;
  const wholeRows = Math.floor(lanesAtOnce / width);
  const tiles: Tile[] = [];
  if (wholeRows >= 1) {
    const step = wholeRows * width;
    for (let lane = 0; lane < total; lane += step) tiles.push({ lane, lanes: Math.min(step, total - lane) });
    return tiles;
  }
  for (let row = 0; row < rows; row++) {
    for (let lane = 0; lane < width; lane += lanesAtOnce) {
      tiles.push({ lane: row * width + lane, lanes: Math.min(lanesAtOnce, width - lane) });
    }
  }
  return tiles;
}

/** A padded plane cut as the tiles are. */
export function cutPlane(plane: Float64Array, tiles: readonly Tile[]): Float64Array[] {
  return tiles.map(({ lane, lanes }) => plane.subarray(lane, lane + lanes));
}

/** Puts a cut plane where the tiles have it. */
export function scatterPlane(
  parts: readonly Float64Array[],
  i0: number,
  { tiles, samples, store }: BetweenPasses,
): void {
  for (let t = 0; t < tiles.length; t++) {
    const { lane, lanes } = tiles[t] as Tile;
    store.set(parts[t] as Float64Array, samples * lane + i0 * lanes);
  }
}

/** Puts lanes of a padded plane, rows of `lanesOfPart` from `firstLane` on, where the tiles have them. */
export function scatterPart(
  plane: Float64Array,
  firstLane: number,
  lanesOfPart: number,
  width: number,
  i0: number,
  { tiles, samples, store }: BetweenPasses,
): void {
  for (const tile of tiles) {
    for (let at = tile.lane; at < tile.lane + tile.lanes; ) {
      const row = Math.floor(at / width);
      const column = at - row * width;
      const count = Math.min(width - column, tile.lane + tile.lanes - at);
      const from = Math.max(column, firstLane);
      const to = Math.min(column + count, firstLane + lanesOfPart);
      if (from < to) {
        const source = row * lanesOfPart + from - firstLane;
        const target = samples * tile.lane + i0 * tile.lanes + (at - tile.lane) + (from - column);
        store.set(plane.subarray(source, source + to - from), target);
      }
      at += count;
    }
  }
}

/** A run of a rounded tile and its place in the output, relative to the row in which the tile starts. */
export interface Run {
  readonly values: Float32Array;
  readonly to: number;
}

/** Runs of a rounded tile (stride `lanes`) whose first lane is in `column`, without the padding lanes. */
export function runsOfTile(
  tile: Float32Array,
  column: number,
  lanes: number,
  [m0, m1, m2]: Shape3,
  width: number,
): Run[] {
  const runs: Run[] = [];
  for (let k0 = 0; k0 < m0; k0++) {
    for (let at = 0; at < lanes; ) {
      const k1 = Math.floor((column + at) / width);
      const k2 = column + at - k1 * width;
      const count = width === m2 ? lanes : Math.min(lanes - at, width - k2);
      const valid = width === m2 ? lanes : Math.min(count, m2 - k2);
      if (valid > 0) {
        const from = k0 * lanes + at;
        runs.push({ values: tile.subarray(from, from + valid), to: (k0 * m1 + k1) * m2 + k2 });
      }
      at += count;
    }
  }
  return runs;
}

/** How a resampling is cut up; the same for any number of threads. */
export function planCubic(shape: Shape3, newShape: Shape3): { tiles: Tile[]; storeLength: number } {
  const width = padToLanes(newShape[2]);
  return {
    tiles: tilesOfPlane(newShape[1], width, shape[0] * 8 + newShape[0] * 4),
    storeLength: shape[0] * newShape[1] * width,
  };
}

/** Float64 planes between the passes, tile after tile of [samples][lanes]. */
export interface BetweenPasses {
  readonly tiles: readonly Tile[];
  /** Samples of the first axis in `store`. */
  readonly samples: number;
  readonly store: Float64Array;
}
