import { wordBytes, writeRowWords, writeRuns } from "./runs";
import { addNode, nodeValue, parentOf, setParent, uniteRows, uniteWithPrevious } from "./union-find";

/**
 * Hole filling on runs: the runs of unset voxels are united with their face neighbours, those at a face of the volume
 * with node 0, and the runs that do not end up there are holes. What the binary dilation from outside in
 * scipy.ndimage.binary_fill_holes reaches is exactly the set of node 0.
 *
 * Enters one slice of `rows` x `length` mask bytes. `words` receives the words of its rows and `rowIds` (u32,
 * `rows + 1`) the first id of each; `previousWords` and `previousIds` are those of the slice before, null for the
 * first. `runs` is scratch for the runs of a row. Ids start at `firstId`. `open` marks the volume's first and last
 * slice. Returns the next free id.
 */
export function enterBackground(
  mask: usize,
  rows: i32,
  length: i32,
  open: bool,
  runs: usize,
  words: usize,
  rowIds: usize,
  previousWords: usize,
  previousIds: usize,
  nodes: usize,
  firstId: u32,
): u32 {
  const bytes = wordBytes(length);
  let id = firstId;
  let lastId = id;
  let rowStart: u32 = 0;
  for (let row = 0; row < rows; row++) {
    const rowId = id;
    store<u32>(rowIds + ((<usize>row) << 2), rowId);
    writeRowWords(mask, length, ~(<u64>0), words);
    const out = writeRuns(words, length, runs);
    const outside = open || row === 0 || row === rows - 1;
    for (let run = runs; run < out; run += 8, id++) {
      addNode(nodes, id, outside ? 0 : id, rowStart + load<u32>(run));
    }
    if (id > rowId) {
      if (!outside) {
        if (load<u32>(runs) === 0) setParent(nodes, rowId, 0);
        if (load<u32>(out - 4) === <u32>length) setParent(nodes, id - 1, 0);
      }
      const end = words + bytes;
      if (rowId > lastId) uniteRows(nodes, words, end, rowId, words - bytes, lastId, 0);
      if (previousWords !== 0) {
        uniteWithPrevious(nodes, words, end, rowId, previousWords, previousIds, row, 0);
      }
    }
    lastId = rowId;
    mask += <usize>length;
    words += bytes;
    rowStart += <u32>length;
  }
  store<u32>(rowIds + ((<usize>rows) << 2), id);
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
