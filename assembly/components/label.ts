import { wordBytes, writeBlock, writeRuns } from "./runs";
import { addNode, nodeValue, parentOf, setParent, uniteSlice } from "./union-find";

/**
 * Enters the set runs of one slice of `rows` x `length` mask bytes; a node's value is the number of voxels of its run.
 * With `reach` 0 voxels touch over faces only, with 1 over edges and corners too. `words` receives a copy of the changes
 * of the rows. The other arguments are those of `enterBackground`. Returns the next free id.
 */
export function enterForeground(
  mask: usize,
  rows: i32,
  length: i32,
  reach: u32,
  runs: usize,
  block: usize,
  previous: usize,
  words: usize,
  nodes: usize,
  firstId: u32,
): u32 {
  const bytes = wordBytes(length);
  writeBlock(mask, rows, length, 0, block, firstId);
  copyChanges(block, rows, bytes, words);
  let id = firstId;
  for (let row = 0; row < rows; row++, words += bytes) {
    const end = writeRuns(words, length, runs);
    for (let run = runs; run < end; run += 8, id++) addNode(nodes, id, id, load<u32>(run, 4) - load<u32>(run));
  }
  uniteSlice(nodes, rows, bytes, block, previous, reach, runs);
  return id;
}

/**
 * Replaces the parents of the nodes `[from, to)` by the numbers of their components, from `count + 1` on in the order
 * of the roots; all nodes before are done already. Returns the count after.
 */
export function numberComponents(nodes: usize, from: u32, to: u32, count: u32): u32 {
  for (let id = from; id < to; id++) {
    const parent = parentOf(nodes, id);
    setParent(nodes, id, parent === id ? ++count : parentOf(nodes, parent));
  }
  return count;
}

/** Adds the voxels of the numbered nodes `[from, to)` to `sizes` (u32 per number). */
export function sumVoxels(nodes: usize, from: u32, to: u32, sizes: usize): void {
  for (let id = from; id < to; id++) {
    const size = sizes + ((<usize>parentOf(nodes, id)) << 2);
    store<u32>(size, load<u32>(size) + nodeValue(nodes, id));
  }
}

/** Replaces the numbers of the nodes `[from, to)` by their entries in `table` (u32 per number). */
export function renumber(nodes: usize, from: u32, to: u32, table: usize): void {
  for (let id = from; id < to; id++) {
    setParent(nodes, id, load<u32>(table + ((<usize>parentOf(nodes, id)) << 2)));
  }
}

function copyChanges(block: usize, rows: i32, bytes: usize, words: usize): void {
  const size = <usize>rows * bytes;
  memory.copy(words, block + size, size);
}

/** Writes the words of `rows` rows of mask bytes to `words`; `block` is room for a block. */
export function writeWords(mask: usize, rows: i32, length: i32, block: usize, words: usize): void {
  writeBlock(mask, rows, length, 0, block, 0);
  copyChanges(block, rows, wordBytes(length), words);
}

function store16(address: usize, four: v128): void {
  v128.store(address, four);
  v128.store(address, four, 16);
  v128.store(address, four, 32);
  v128.store(address, four, 48);
}

/**
 * Writes the numbers of `rows` rows, given by their words, to `labels` (u32), 0 between the runs. `id` is the node of
 * their first run; returns that of the row after. `runs` is scratch for one row. Sixteen labels are written at a time:
 * what is too many of a run is set to 0 again, and beyond the last row lies the slack of the buffer.
 */
export function paintLabels(
  words: usize,
  rows: i32,
  length: i32,
  runs: usize,
  nodes: usize,
  id: u32,
  labels: usize,
): u32 {
  const bytes = wordBytes(length);
  const zero = i32x4.splat(0);
  memory.fill(labels, 0, (<usize>rows * <usize>length) << 2);
  for (let row = 0; row < rows; row++) {
    const end = writeRuns(words, length, runs);
    for (let run = runs; run < end; run += 8, id++) {
      const stop = labels + ((<usize>load<u32>(run, 4)) << 2);
      const number = i32x4.splat(parentOf(nodes, id));
      let at = labels + ((<usize>load<u32>(run)) << 2);
      do {
        store16(at, number);
        at += 64;
      } while (at < stop);
      store16(stop, zero);
    }
    words += bytes;
    labels += (<usize>length) << 2;
  }
  return id;
}

/** Clears the runs of one slice whose number is 0; `words` are those of the slice. `id` is the node of its first run, `runs` scratch for one row. */
export function clearRuns(mask: usize, words: usize, rows: i32, length: i32, runs: usize, nodes: usize, id: u32): void {
  const bytes = wordBytes(length);
  for (let row = 0; row < rows; row++) {
    const end = writeRuns(words, length, runs);
    for (let run = runs; run < end; run += 8, id++) {
      if (parentOf(nodes, id) !== 0) continue;
      const stop = mask + <usize>load<u32>(run, 4);
      for (let voxel = mask + <usize>load<u32>(run); voxel < stop; voxel++) store<u8>(voxel, 0);
    }
    mask += <usize>length;
    words += bytes;
  }
}

function lower(address: usize, value: i32): void {
  if (value < load<i32>(address)) store<i32>(address, value);
}

function raise(address: usize, value: i32): void {
  if (value > load<i32>(address)) store<i32>(address, value);
}

/**
 * Widens the boxes (six i32 per number: low and high of each axis, half open) by the runs of one slice, given by its words. `id` is the
 * node of its first run, `runs` scratch for one row.
 */
export function widenBoxes(
  words: usize,
  slice: i32,
  rows: i32,
  length: i32,
  runs: usize,
  nodes: usize,
  id: u32,
  boxes: usize,
): void {
  const bytes = wordBytes(length);
  for (let row = 0; row < rows; row++) {
    const end = writeRuns(words, length, runs);
    for (let run = runs; run < end; run += 8, id++) {
      const box = boxes + <usize>parentOf(nodes, id) * 24;
      lower(box, slice);
      raise(box + 4, slice + 1);
      lower(box + 8, row);
      raise(box + 12, row + 1);
      lower(box + 16, load<i32>(run));
      raise(box + 20, load<i32>(run, 4));
    }
    words += bytes;
  }
}

/**
 * Adds the runs of one slice, given by its words, to the sums of the indices of their voxels (three f64 per number: slice, row, place in
 * the row). Sums of whole numbers below 2^53, hence exact. `id` is the node of its first run, `runs` scratch for one row.
 */
export function sumIndices(
  words: usize,
  slice: i32,
  rows: i32,
  length: i32,
  runs: usize,
  nodes: usize,
  id: u32,
  sums: usize,
): void {
  const bytes = wordBytes(length);
  for (let row = 0; row < rows; row++) {
    const end = writeRuns(words, length, runs);
    for (let run = runs; run < end; run += 8, id++) {
      const sum = sums + <usize>parentOf(nodes, id) * 24;
      const start = <i64>load<u32>(run);
      const stop = <i64>load<u32>(run, 4);
      store<f64>(sum, load<f64>(sum) + <f64>(<i64>slice * (stop - start)));
      store<f64>(sum + 8, load<f64>(sum + 8) + <f64>(<i64>row * (stop - start)));
      store<f64>(sum + 16, load<f64>(sum + 16) + <f64>(((start + stop - 1) * (stop - start)) >> 1));
    }
    words += bytes;
  }
}
