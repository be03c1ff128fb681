import { writeRowRuns } from "./runs";
import { addNode, parentOf, setParent, uniteRows } from "./union-find";

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
  store<u32>(rowEnds, 0);
  for (let row = 0; row < rows; row++) {
    const lastBegin = begin;
    const lastId = rowId;
    begin = out;
    rowId = id;
    out = writeRowRuns(mask, length, ~(<u64>0), begin);
    const outside = open || row === 0 || row === rows - 1;
    for (let run = begin; run < out; run += 8, id++) addNode(nodes, id, outside ? 0 : id, 0);
    if (!outside && out > begin) {
      if (load<u32>(begin) === 0) setParent(nodes, rowId, 0);
      if (load<u32>(out - 4) === <u32>length) setParent(nodes, id - 1, 0);
    }
    if (row > 0) uniteRows(nodes, begin, out, rowId, lastBegin, begin, lastId, 0);
    if (previousRuns !== 0) {
      const from = load<u32>(previousEnds + ((<usize>row) << 2));
      const to = load<u32>(previousEnds + ((<usize>row) << 2), 4);
      uniteRows(nodes, begin, out, rowId, previousRuns + from, previousRuns + to, previousId + (from >> 3), 0);
    }
    store<u32>(rowEnds + ((<usize>row) << 2), <u32>(out - runs), 4);
    mask += <usize>length;
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

/** Sets the holes of one slice to 1. `runs` is scratch for the transitions of a row. */
export function paintHoles(mask: usize, rows: i32, length: i32, runs: usize, nodes: usize, id: u32): void {
  for (let row = 0; row < rows; row++) {
    const end = writeRowRuns(mask, length, ~(<u64>0), runs);
    for (let run = runs; run < end; run += 8, id++) {
      if (parentOf(nodes, id) === 0) continue;
      let voxel = mask + <usize>load<u32>(run);
      const stop = mask + <usize>load<u32>(run, 4);
      for (; voxel + 16 <= stop; voxel += 16) v128.store(voxel, i8x16.splat(1));
      for (; voxel < stop; voxel++) store<u8>(voxel, 1);
    }
    mask += <usize>length;
  }
}
