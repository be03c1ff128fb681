/**
 * Disjoint sets of runs. A node is 8 bytes: u32 parent, and a u32 value that the user of the
 * sets is free to choose. A parent is never greater than its
 * node, so the root of a set is its smallest id: when ids are given in raster order, roots come in the raster order of
 * the sets' first voxels, and one forward pass resolves every node.
 */

export function parentOf(nodes: usize, id: u32): u32 {
  return load<u32>(nodes + ((<usize>id) << 3));
}

export function setParent(nodes: usize, id: u32, parent: u32): void {
  store<u32>(nodes + ((<usize>id) << 3), parent);
}

export function nodeValue(nodes: usize, id: u32): u32 {
  return load<u32>(nodes + ((<usize>id) << 3), 4);
}

export function addNode(nodes: usize, id: u32, parent: u32, value: u32): void {
  store<u64>(nodes + ((<usize>id) << 3), ((<u64>value) << 32) | <u64>parent);
}

/** Root of a node; halves the path on the way. */
function find(nodes: usize, id: u32): u32 {
  let parent = parentOf(nodes, id);
  while (parent !== id) {
    const grandparent = parentOf(nodes, parent);
    setParent(nodes, id, grandparent);
    id = grandparent;
    parent = parentOf(nodes, id);
  }
  return id;
}

/** Unites the sets of two nodes. */
function unite(nodes: usize, a: u32, b: u32): void {
  const rootA = find(nodes, a);
  const rootB = find(nodes, b);
  if (rootA < rootB) setParent(nodes, rootB, rootA);
  else if (rootB < rootA) setParent(nodes, rootA, rootB);
}

/**
 * Unites the runs of `count` words with those of `count` others that share a place with them (`reach` 0) or also lie
 * one voxel beside it (`reach` 1). `a` and `b` are the first of these words in the blocks of their slices (see runs.ts);
 * the last part of the block of `a` has a bit in every place where runs that meet are known to be united.
 * `meetings` is room for 64 words.
 *
 * With reach, a run is taken one voxel longer: then two runs touch where they share a place. The first place that they
 * share is a start of one of them, so that every bit of `meets` is one pair, and the number of starts up to there tells
 * which. Most words have none: those that do are found 64 at a time, without branches.
 */
function uniteWords(nodes: usize, count: i32, size: usize, a: usize, b: usize, reach: u32, meetings: usize): void {
  const longer = i64x2.splat(-(<i64>reach));
  const zero = i64x2.splat(0);
  for (; count > 0; count -= 64, a += 512, b += 512) {
    const some = (<usize>min(count, 64)) << 3;
    let busy: u64 = 0;
    for (let at: usize = 0; at < some; at += 16) {
      const bitsA = v128.load(a + at);
      const bitsB = v128.load(b + at);
      const changesA = v128.load(a + size + at);
      const changesB = v128.load(b + size + at);
      const starts = v128.or(v128.and(bitsA, changesA), v128.and(bitsB, changesB));
      const longA = v128.or(bitsA, v128.and(changesA, longer));
      const longB = v128.or(bitsB, v128.and(changesB, longer));
      const meets = v128.andnot(v128.and(starts, v128.and(longA, longB)), v128.load(a + 3 * size + at));
      v128.store(meetings + at, meets);
      busy |= (<u64>(i64x2.bitmask(i64x2.eq(meets, zero)) ^ 3)) << (<u64>(at >> 3));
    }
    if (count < 64) busy &= ((<u64>1) << (<u64>count)) - 1;
    for (; busy !== 0; busy &= busy - 1) {
      const at = (<usize>ctz(busy)) << 3;
      const startsA = load<u64>(a + at) & load<u64>(a + size + at);
      const startsB = load<u64>(b + at) & load<u64>(b + size + at);
      const lastA = load<u32>(a + 2 * size + at) - 1;
      const lastB = load<u32>(b + 2 * size + at) - 1;
      let meets = load<u64>(meetings + at);
      do {
        const upTo = meets ^ (meets - 1);
        const parentA = parentOf(nodes, lastA + <u32>popcnt(startsA & upTo));
        const parentB = parentOf(nodes, lastB + <u32>popcnt(startsB & upTo));
        if (parentA !== parentB) unite(nodes, parentA, parentB);
        meets &= meets - 1;
      } while (meets !== 0);
    }
  }
}

/**
 * Marks in the last part of a block where runs of it are known to be united with what lies around them, once they are
 * united with the row at the same place of the slice before. With reach: where that row has a run, for all runs
 * around touch it. Without: where that row and the one before it in its slice have one, as these two touch, and
 * each touches the one above it.
 */
function markKnown(block: usize, previous: usize, size: usize, rowBytes: usize, reach: u32): void {
  const known = block + 3 * size;
  if (reach !== 0) {
    for (let at: usize = 0; at < size; at += 8) {
      store<u64>(known + at, load<u64>(previous + at) | load<u64>(previous + size + at));
    }
  } else {
    for (let at = rowBytes; at < size; at += 8) {
      store<u64>(known + at, load<u64>(previous + at) & load<u64>(previous + at - rowBytes));
    }
  }
}

/**
 * Unites the runs of a slice of `rows` rows of `rowBytes` bytes of words among each other and with those of the slice before, whose block
 * is `previous`, null for the first. Voxels touch over faces (`reach` 0) or over edges and corners too (`reach` 1).
 * `meetings` is room for 64 words.
 */
export function uniteSlice(
  nodes: usize,
  rows: i32,
  rowBytes: usize,
  block: usize,
  previous: usize,
  reach: u32,
  meetings: usize,
): void {
  const size = <usize>rows * rowBytes;
  const count = <i32>(size >> 3);
  const less = <i32>((size - rowBytes) >> 3);
  memory.fill(block + 3 * size, 0, size);
  if (previous !== 0) {
    uniteWords(nodes, count, size, block, previous, reach, meetings);
    markKnown(block, previous, size, rowBytes, reach);
    if (reach !== 0) {
      uniteWords(nodes, less, size, block + rowBytes, previous, reach, meetings);
      uniteWords(nodes, less, size, block, previous + rowBytes, reach, meetings);
    }
  }
  uniteWords(nodes, less, size, block + rowBytes, block, reach, meetings);
}
