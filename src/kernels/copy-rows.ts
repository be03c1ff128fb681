/** What kernels that work on blocks share: rows of `length` bytes, copied from and to rows that many bytes apart. */
export interface CopyRowsExports {
  copyRows(from: number, fromStride: number, to: number, toStride: number, length: number, rows: number): void;
}
