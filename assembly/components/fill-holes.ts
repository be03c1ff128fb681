import { wordBytes, writeBlock, writeRuns } from "./runs";
import { addNode, nodeValue, parentOf, setParent, uniteSlice } from "./union-find";

/**
 * Hole filling on runs: the runs of unset voxels are united with their face neighbours, those at a face of the volume
 * with node 0, and the runs that do not end up there are holes. What the binary dilation from outside in
 * scipy.ndimage.binary_fill_holes reaches is exactly the set of node 0.
 *
 * Enters one slice of `rows` x `length` mask bytes. `block` receives the words of its rows (see runs.ts), `previous` is
 * the block of the slice before, null for the first. `runs` is room for the runs of a row, and for 64 words. Ids start
 * at `firstId`. `open` marks the volume's first and last slice. Returns the next free id.
 */
export function enterBackground(
  mask: usize,
  rows: i32,
  length: i32,
  open: bool,
  runs: usize,
  block: usize,
  previous: usize,
  nodes: usize,
  firstId: u32,
): u32 {
  const bytes = wordBytes(length);
  writeBlock(mask, rows, length, ~(<u64>0), block, firstId);
  let id = firstId;
  let words = block + <usize>rows * bytes;
  let rowStart: u32 = 0;
  for (let row = 0; row < rows; row++) {
    const end = writeRuns(words, length, runs);
    const outside = open || row === 0 || row === rows - 1;
    for (let run = runs; run < end; run += 8, id++) {
      const start = load<u32>(run);
      const free = outside || start === 0 || load<u32>(run, 4) === <u32>length;
      addNode(nodes, id, free ? 0 : id, rowStart + start);
    }
    words += bytes;
    rowStart += <u32>length;
  }
  uniteSlice(nodes, rows, bytes, block, previous, 0, runs);
  return id;
}

/** Points the nodes `[from, to)` at their roots; all before them are done already. Returns how many are holes. */
export function resolveHoles(nodes: usize, from: u32, to: u32): u32 {
  let holes: u32 = 0;
  for (let id = from; id < to; id++) {
    const root = parentOf(nodes, parentOf(nodes, id));
    setParent(nodes, id, root);
    holes += <u32>(root !== 0);
  }
  return holes;
}

/** Sets the holes of one slice, whose nodes are `[from, to)`, to 1. */
export function paintHoles(mask: usize, length: i32, nodes: usize, from: u32, to: u32): void {
  for (let id = from; id < to; id++) {
    if (parentOf(nodes, id) === 0) continue;
    const start = nodeValue(nodes, id);
    const rowEnd = mask + <usize>((start / <u32>length + 1) * <u32>length);
    let voxel = mask + <usize>start;
    do store<u8>(voxel++, 1);
    while (voxel < rowEnd && load<u8>(voxel) === 0);
  }
}
