/**
 * Copies `rows` rows of `length` bytes, which begin `fromStride` and `toStride` bytes after each other: a block out of a strip
 * of blocks that stand side by side, or into it. `length` is a multiple of 4, or bytes are copied one by one.
 */
export function copyRows(from: usize, fromStride: i32, to: usize, toStride: i32, length: i32, rows: i32): void {
  const vectors = <usize>(length & ~15);
  const whole = <usize>length;
  for (let row = 0; row < rows; row++) {
    let i: usize = 0;
    for (; i < vectors; i += 16) v128.store(to + i, v128.load(from + i));
    if ((length & 3) === 0) for (; i < whole; i += 4) store<u32>(to + i, load<u32>(from + i));
    else for (; i < whole; i++) store<u8>(to + i, load<u8>(from + i));
    from += <usize>fromStride;
    to += <usize>toStride;
  }
}
