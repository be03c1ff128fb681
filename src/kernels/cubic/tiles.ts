/* How the volume between the passes of a cubic resampling is cut up and moved. */
import type { Shape3 } from "../../core/volume.js";
import { LANES, padToLanes } from "./lanes.js";

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
export function scatterPlane(parts: readonly Float64Array[], i0: number, block: BetweenPasses): void {
  const { tiles, samples, store } = block;
  const first = firstLane(block);
  for (let t = 0; t < tiles.length; t++) {
    const { lane, lanes } = tiles[t];
    store.set(parts[t], samples * (lane - first) + i0 * lanes);
  }
}

/** Puts lanes of a padded plane, rows of `lanesOfPart` from `partLane` on, where the tiles have them. */
export function scatterPart(
  plane: Float64Array,
  partLane: number,
  lanesOfPart: number,
  width: number,
  i0: number,
  block: BetweenPasses,
): void {
  const { tiles, samples, store } = block;
  for (const tile of tiles) {
    const begin = samples * (tile.lane - firstLane(block)) + i0 * tile.lanes;
    for (let at = tile.lane; at < tile.lane + tile.lanes; ) {
      const row = Math.floor(at / width);
      const column = at - row * width;
      const count = Math.min(width - column, tile.lane + tile.lanes - at);
      const from = Math.max(column, partLane);
      const to = Math.min(column + count, partLane + lanesOfPart);
      if (from < to) {
        const source = row * lanesOfPart + from - partLane;
        const target = begin + (at - tile.lane) + (from - column);
        store.set(plane.subarray(source, source + to - from), target);
      }
      at += count;
    }
  }
}

/** A run of a rounded tile and its place in the output, relative to that of the tile's first lane. */
export interface Run {
  readonly values: Float32Array;
  readonly to: number;
}

/**
 * Runs of a rounded tile (stride `lanes`) without the padding lanes. In its first row `room` lanes from the tile's first on
 * are no padding.
 */
export function runsOfTile(
  tile: Float32Array,
  lanes: number,
  room: number,
  [m0, m1, m2]: Shape3,
  width: number,
): Run[] {
  const runs: Run[] = [];
  for (let k0 = 0; k0 < m0; k0++) {
    for (let at = 0; at < lanes; ) {
      const k1 = Math.floor(at / width);
      const k2 = at - k1 * width;
      const count = width === m2 ? lanes : Math.min(lanes - at, width - k2);
      const valid = width === m2 ? lanes : Math.min(count, room - k2);
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

/** Whole rows [from, to) of the output plane and their tiles. */
export interface Band {
  readonly rows: readonly [number, number];
  readonly tiles: readonly Tile[];
}

/** Tiles gathered into about `count` bands. */
export function bandsOfTiles(tiles: readonly Tile[], [, m1, m2]: Shape3, count: number): Band[] {
  const width = padToLanes(m2);
  const rowsOfTile = Math.max(1, Math.floor((tiles[0]?.lanes ?? 0) / width));
  const step = Math.ceil(m1 / count / rowsOfTile) * rowsOfTile;
  const bands: Band[] = [];
  for (let from = 0; from < m1; from += step) {
    const to = Math.min(m1, from + step);
    bands.push({ rows: [from, to], tiles: tiles.filter(({ lane }) => lane >= from * width && lane < to * width) });
  }
  return bands;
}

/** Float64 planes between the passes, some tiles that follow each other: tile after tile of [samples][lanes]. */
export interface BetweenPasses {
  readonly tiles: readonly Tile[];
  /** Samples of the first axis in `store`. */
  readonly samples: number;
  /** Starts with the first of the tiles. */
  readonly store: Float64Array;
}

/** The part of a block of all tiles that holds a band. */
export function blockOfBand({ samples, store }: BetweenPasses, { tiles }: Band): BetweenPasses {
  const from = tiles[0]?.lane ?? 0;
  return { tiles, samples, store: store.subarray(samples * from, samples * (from + lanesOfTiles(tiles))) };
}

export function lanesOfTiles(tiles: readonly Tile[]): number {
  return tiles.reduce((sum, tile) => sum + tile.lanes, 0);
}

function firstLane({ tiles }: BetweenPasses): number {
  return tiles[0]?.lane ?? 0;
}

/** Copies all samples of a tile from blocks that follow each other along the first axis. */
export function gatherTile({ lane, lanes }: Tile, blocks: readonly BetweenPasses[], target: Float64Array): void {
  let at = 0;
  for (const block of blocks) {
    const from = block.samples * (lane - firstLane(block));
    const length = block.samples * lanes;
    target.set(block.store.subarray(from, from + length), at);
    at += length;
  }
}
