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
 * beside it (`reach` 1). Rows are transitions `[begin, end)`; their runs have the ids from `firstA` and `firstB` on.
 */
export function uniteRows(
  nodes: usize,
  a: usize,
  endA: usize,
  firstA: u32,
  b: usize,
  endB: usize,
  firstB: u32,
  reach: u32,
): void {
  while (a < endA && b < endB) {
    const stopA = load<u32>(a, 4);
    const stopB = load<u32>(b, 4);
    if (load<u32>(a) < stopB + reach && load<u32>(b) < stopA + reach) {
      const parentA = parentOf(nodes, firstA);
      const parentB = parentOf(nodes, firstB);
      if (parentA !== parentB) unite(nodes, parentA, parentB);
    }
    // The run that ends first cannot meet another one. Arithmetic, as no branch predictor can guess it.
    const next = <u32>(stopA < stopB);
    a += <usize>(next << 3);
    b += <usize>((1 - next) << 3);
    firstA += next;
    firstB += 1 - next;
  }
}

/**
 * Unites a row of the current slice with row `row` of the slice before, whose transitions and row ends (byte offsets,
 * one more than rows) lie at `runs` and `rowEnds` and whose ids start at `firstId`.
 */
export function uniteWithPrevious(
  nodes: usize,
  begin: usize,
  end: usize,
  rowId: u32,
  runs: usize,
  rowEnds: usize,
  firstId: u32,
  row: i32,
  reach: u32,
): void {
  const entry = rowEnds + ((<usize>row) << 2);
  const from = load<u32>(entry);
  const to = load<u32>(entry, 4);
  uniteRows(nodes, begin, end, rowId, runs + from, runs + to, firstId + (from >> 3), reach);
}
