/** What the kernel `nearestRows` is told, member after member of a structure in the window. */
export enum NearestArgument {
  /** Source rows of `length` elements; the first is row `firstRow` of the slice. */
  input,
  firstRow,
  length,
  /** Source row (int32) of each output row, of which [from, to) are made. */
  rowOf,
  from,
  to,
  /** Source column (int32) of each of the `count` output columns. */
  indices,
  /** The same for 16 bytes at a time, as `storeBlocks` writes it. */
  blocks,
  count,
  /** An element has 2^shift bytes. */
  shift,
  /** Receives the rows; up to 15 bytes more are written. */
  output,
}
