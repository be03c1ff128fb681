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
 * Unites the runs of row `a` with those of row `b` that share a voxel position (`reach` 0) or also lie one voxel
 * beside it (`reach` 1). Rows are words of 64 voxels up to `endA`; their runs have the ids from `firstA` and `firstB` on.
 *
 * With reach, a run is taken one voxel longer: then two runs touch where they share a position. The first position
 * that they share is a start of one of them, so that every set bit of `meets` is one pair, and the number of starts up
 * to there tells which.
 */
export function uniteRows(nodes: usize, a: usize, endA: usize, firstA: u32, b: usize, firstB: u32, reach: u32): void {
  const longer = -(<u64>reach);
  let carryA: u64 = 0;
  let carryB: u64 = 0;
  let lastA = firstA - 1;
  let lastB = firstB - 1;
  for (; a < endA; a += 8, b += 8) {
    const bitsA = load<u64>(a);
    const bitsB = load<u64>(b);
    const besideA = (bitsA << 1) | carryA;
    const besideB = (bitsB << 1) | carryB;
    const startsA = bitsA & ~besideA;
    const startsB = bitsB & ~besideB;
    carryA = bitsA >> 63;
    carryB = bitsB >> 63;
    const starts = startsA | startsB;
    if (starts === 0) continue;
    let meets = starts & (bitsA | (besideA & longer)) & (bitsB | (besideB & longer));
    while (meets !== 0) {
      const upTo = meets ^ (meets - 1);
      const parentA = parentOf(nodes, lastA + <u32>popcnt(startsA & upTo));
      const parentB = parentOf(nodes, lastB + <u32>popcnt(startsB & upTo));
      if (parentA !== parentB) unite(nodes, parentA, parentB);
      meets &= meets - 1;
    }
    lastA += <u32>popcnt(startsA);
    lastB += <u32>popcnt(startsB);
  }
}

/**
 * Unites a row of words with row `row` of the slice before, whose words and first ids of every row (u32, one more than
 * rows) lie at `words` and `rowIds`.
 */
export function uniteWithPrevious(
  nodes: usize,
  begin: usize,
  end: usize,
  rowId: u32,
  words: usize,
  rowIds: usize,
  row: i32,
  reach: u32,
): void {
  const entry = rowIds + ((<usize>row) << 2);
  const id = load<u32>(entry);
  if (id === load<u32>(entry, 4)) return;
  uniteRows(nodes, begin, end, rowId, words + <usize>row * (end - begin), id, reach);
}
