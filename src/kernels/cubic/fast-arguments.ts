/** What the kernel `fastColumns` is told, member after member of a structure in the window. */
export enum FastColumnsArgument {
  /** n rows of float32, `inputStride` bytes apart. */
  input,
  inputStride,
  n,
  /** A multiple of 32. */
  lanes,
  /** Table of taps, one entry for each of the `m` new rows. */
  table,
  m,
  /** Room for the coefficients of 32 lanes. */
  scratch,
  /** m rows of float32, `outputStride` bytes apart. */
  output,
  outputStride,
  /** Added to every sum, which is then clipped to [low, high]. */
  center,
  low,
  high,
}
