/*
 * Nearest-neighbour resampling of one row: elements chosen by a table of indices (i32). Rows and planes that repeat
 * are copied by the caller.
 */

export function gather8(input: usize, indices: usize, count: i32, output: usize): void {
  for (let i = 0; i < count; i++) {
    store<u8>(output + <usize>i, load<u8>(input + <usize>load<i32>(indices + ((<usize>i) << 2))));
  }
}

export function gather16(input: usize, indices: usize, count: i32, output: usize): void {
  for (let i = 0; i < count; i++) {
    const index = <usize>load<i32>(indices + ((<usize>i) << 2));
    store<u16>(output + ((<usize>i) << 1), load<u16>(input + (index << 1)));
  }
}

export function gather32(input: usize, indices: usize, count: i32, output: usize): void {
  for (let i = 0; i < count; i++) {
    const index = <usize>load<i32>(indices + ((<usize>i) << 2));
    store<u32>(output + ((<usize>i) << 2), load<u32>(input + (index << 2)));
  }
}
