/** What the kernel `distancesAcrossSlices` is told, member after member of a structure in the window. */
export enum AcrossArgument {
  /** `slices` rows of `length` steps (uint32), one row from each slice. */
  steps,
  /** A byte for each of them: 0 where no distance is wanted. */
  wanted,
  slices,
  length,
  /** In mm: between slices, between rows, within a row. */
  spacing,
  columnSpacing,
  rowSpacing,
  /** Room for the envelope of a line: an int32 and two float64 for each slice. */
  places,
  heights,
  starts,
  /** Receives the distances in mm, float64. */
  distances,
}
