import { writeRowRuns } from "./runs";
import { addNode, nodeValue, parentOf, setParent, uniteRows, uniteWithPrevious } from "./union-find";

/**
 * Hole filling on runs: the runs of unset voxels are united with their face neighbours, those at a face of the volume
 * with node 0, and the runs that do not end up there are holes. What the binary dilation from outside in
 * scipy.ndimage.binary_fill_holes reaches is exactly the set of node 0.
 *
 * Enters one slice of `rows` x `length` mask bytes. `runs` receives its transitions and `rowEnds` (u32, `rows + 1`)
 * the byte offset of each row's end in them; `previousRuns` and `previousEnds` are those of the slice before, null for
 * the first. Ids start at `firstId`, those of the previous slice at `previousId`. `open` marks the volume's first and
 * last slice. Returns the next free id.
 */
export function enterBackground(
  mask: usize,
  rows: i32,
  length: i32,
  open: bool,
  runs: usize,
  rowEnds: usize,
  previousRuns: usize,
  previousEnds: usize,
  nodes: usize,
  firstId: u32,
  previousId: u32,
): u32 {
  let id = firstId;
  let out = runs;
  let begin = runs;
  let rowId = id;
  let rowStart: u32 = 0;
  store<u32>(rowEnds, 0);
  for (let row = 0; row < rows; row++) {
    const lastBegin = begin;
    const lastId = rowId;
    begin = out;
    rowId = id;
    out = writeRowRuns(mask, length, ~(<u64>0), begin);
    const outside = open || row === 0 || row === rows - 1;
    for (let run = begin; run < out; run += 8, id++) {
      addNode(nodes, id, outside ? 0 : id, rowStart + load<u32>(run));
    }
    if (!outside && out > begin) {
      if (load<u32>(begin) === 0) setParent(nodes, rowId, 0);
      if (load<u32>(out - 4) === <u32>length) setParent(nodes, id - 1, 0);
    }
    if (row > 0) uniteRows(nodes, begin, out, rowId, lastBegin, begin, lastId, 0);
    if (previousRuns !== 0) {
      uniteWithPrevious(nodes, begin, out, rowId, previousRuns, previousEnds, previousId, row, 0);
    }
    store<u32>(rowEnds + ((<usize>row) << 2), <u32>(out - runs), 4);
    mask += <usize>length;
    rowStart += <u32>length;
  }
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
