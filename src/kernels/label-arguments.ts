/** What the kernel `resampleLabels` is told, member after member of a structure in the window. */
export enum LabelArgument {
  /** The source slices of the first axis: rows of `columns` int16 labels with 16 bytes of slack, and their weights. */
  lower,
  upper,
  lowerWeight,
  upperWeight,
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
  /** Room for `columns` int16. */
  marks,
  /** Room for eight pairs of label (int32) and, 8 bytes on, weight (float64). */
  taps,
  /** Receives the rows, int16. */
  output,
  /** 1: argmax-nearest, which alone looks at what follows; 0: threshold. */
  byShare,
  /** 1 if the upper slice is the nearest. */
  upperNearest,
  /** Nearest row, and nearest column, of each new one (int32). */
  rowNearest,
  columnNearest,
}
