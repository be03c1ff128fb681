/** What the kernel `resampleLinear` is told, member after member of a structure in the window. */
export enum LinearArgument {
  /** The source slices of the first axis, rows of `columns` float32, and their weights. */
  lower,
  upper,
  w0,
  w1,
  /** 1: only `lower` counts and the sum has four taps, a slice of its own. */
  planar,
  /** Row of the volume that the source slices begin with. */
  firstRow,
  columns,
  /** Table of taps of the second axis, and which of its rows are made. */
  rowTable,
  fromRow,
  toRow,
  /** Table of taps of the third axis, of `m` entries. */
  columnTable,
  m,
  /** The range that results are clipped to. */
  low,
  high,
  /** Receives the rows, float32. */
  output,
}
