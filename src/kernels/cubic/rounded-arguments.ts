/** What the kernel `cubicColumnsRounded` is told, member after member of a structure in the window. */
export enum RoundedArgument {
  /** n rows of float64 `inputStride` bytes apart; with 0 groups of 16 lanes, `groupBytes` apart, as `cubicRows` leaves them. */
  input,
  inputStride,
  groupBytes,
  /** Samples of the axis. */
  n,
  /** A multiple of 16. */
  lanes,
  /** Table of taps, one entry for each of the `m` new samples. */
  table,
  m,
  /** Room for the coefficients of 16 lanes; not used with groups, which are filtered in place. */
  scratch,
  /** m rows of float32, `outputStride` bytes apart. */
  output,
  outputStride,
  /** The source's range, to which values are clipped. */
  low,
  high,
  /** One float64 for each group of 16 lanes and each of the axis's `blocks`. */
  tolerances,
  blocks,
  /** Block (int32) of each new sample. */
  blockOf,
  /**
   * Influence levels that sharpen the tolerances, 0 for none: a word for each four samples and lane, a byte for each
   * sample.
   */
  levels,
  /** Sample (int32) nearest to each new one, whose level counts. */
  sampleOf,
  /** Tolerance (float64) of each of the 256 levels. */
  tolerancesOfLevels,
  /** Label (int16) of each new sample and lane, 0 for none: where it is negative nothing is uncertain. */
  within,
  /** Receives new sample and lane (int32 each) of every uncertain voxel. */
  places,
  /** Receives their float64 values. */
  values,
}
