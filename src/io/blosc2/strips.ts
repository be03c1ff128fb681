/**
 * An array strip by strip: a strip is a row of blocks along the last axis, which lies in the array in longer runs than one
 * block does. Copies of a few hundred bytes cost more than what is done with them.
 */
import { type Grid, indexOfPart, partsOf, pieceOfBlock, product } from "./grid.js";

/** One block of a strip. */
export interface Column {
  /** Numbers of its chunk and, in the chunk, of its block. */
  readonly chunk: number;
  readonly block: number;
  /** First word of its rows in those of the strip, and how many of them are the array's. */
  readonly at: number;
  readonly length: number;
}

/** A box of the array, and the blocks that it consists of. */
export interface StripOfBlocks {
  readonly start: readonly number[];
  readonly extent: readonly number[];
  readonly columns: readonly Column[];
}

/** What blocks cover of the last axis. */
interface Segment {
  readonly chunk: number;
  readonly block: number;
  readonly start: number;
  readonly length: number;
}

function segmentsOf({ shape, chunkShape, blockShape }: Grid): Segment[] {
  const last = shape.length - 1;
  const segments: Segment[] = [];
  for (let chunk = 0; chunk * chunkShape[last] < shape[last]; chunk++) {
    for (let block = 0; block * blockShape[last] < chunkShape[last]; block++) {
      const inChunk = block * blockShape[last];
      const start = chunk * chunkShape[last] + inChunk;
      const length = Math.min(blockShape[last], chunkShape[last] - inChunk, shape[last] - start);
      if (length > 0) segments.push({ chunk, block, start, length });
    }
  }
  return segments;
}

/** Segments side by side, as many as `width` words hold, at least one. */
function groupSegments(segments: readonly Segment[], width: number): Segment[][] {
  const groups: Segment[][] = [];
  for (const segment of segments) {
    const group = groups.at(-1);
    if (group !== undefined && segment.start + segment.length - group[0].start <= width) group.push(segment);
    else groups.push([segment]);
  }
  return groups;
}

/** Words of a strip's row: the whole last axis, or as many as `mostWords` in all allow, but at least a block's. */
export function stripWidth({ shape, blockShape }: Grid, mostWords: number): number {
  const rows = product(blockShape.slice(0, -1));
  return Math.max(blockShape.at(-1) ?? 1, Math.min(shape.at(-1) ?? 1, Math.floor(mostWords / rows)));
}

/** All strips of an array whose rows have up to `width` words; the grid's last axis counts words. */
export function* stripsOf(grid: Grid, width: number): Generator<StripOfBlocks, void, undefined> {
  const outer: Grid = {
    shape: grid.shape.slice(0, -1),
    chunkShape: grid.chunkShape.slice(0, -1),
    blockShape: grid.blockShape.slice(0, -1),
  };
  const chunks = partsOf(outer.shape, outer.chunkShape);
  const blocks = partsOf(outer.chunkShape, outer.blockShape);
  const chunksAlong = partsOf(grid.shape, grid.chunkShape).at(-1) ?? 1;
  const blocksAlong = partsOf(grid.chunkShape, grid.blockShape).at(-1) ?? 1;
  const groups = groupSegments(segmentsOf(grid), width);
  for (let chunk = 0; chunk < product(chunks); chunk++) {
    const origin = indexOfPart(chunk, chunks).map((n, axis) => n * outer.chunkShape[axis]);
    for (let block = 0; block < product(blocks); block++) {
      const { start, extent } = pieceOfBlock(outer, origin, indexOfPart(block, blocks));
      if (extent.includes(0)) continue;
      for (const group of groups) {
        const first = group[0].start;
        const columns = group.map((segment) => ({
          chunk: chunk * chunksAlong + segment.chunk,
          block: block * blocksAlong + segment.block,
          at: segment.start - first,
          length: segment.length,
        }));
        const { at, length } = columns[columns.length - 1];
        yield { start: [...start, first], extent: [...extent, at + length], columns };
      }
    }
  }
}
