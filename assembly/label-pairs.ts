function add(table: usize, first: u32, second: u32, count: u32): void {
  const entry = table + ((((<usize>first) << 8) | <usize>second) << 2);
  store<u32>(entry, load<u32>(entry) + count);
}

/**
 * Counts the pairs of labels of two arrays of bytes: `table` is 256 x 256 u32, row by `first`, column by `second`.
 * Sixteen voxels that are all like the one before them are counted at once.
 */
export function countPairs(first: usize, second: usize, count: i32, table: usize): void {
  let a: u32 = 0;
  let b: u32 = 0;
  let run: u32 = 0;
  let i = 0;
  for (; i + 16 <= count; i += 16, first += 16, second += 16) {
    const same = v128.and(
      i8x16.eq(v128.load(first), i8x16.splat(<i8>a)),
      i8x16.eq(v128.load(second), i8x16.splat(<i8>b)),
    );
    if (i8x16.all_true(same)) {
      run += 16;
      continue;
    }
    add(table, a, b, run);
    run = 0;
    for (let k = 0; k < 16; k++) {
      const x = <u32>load<u8>(first + <usize>k);
      const y = <u32>load<u8>(second + <usize>k);
      if (x === a && y === b) {
        run++;
      } else {
        add(table, a, b, run);
        a = x;
        b = y;
        run = 1;
      }
    }
  }
  add(table, a, b, run);
  for (; i < count; i++, first++, second++) add(table, <u32>load<u8>(first), <u32>load<u8>(second), 1);
}

function lower(address: usize, value: i32): void {
  if (value < load<i32>(address)) store<i32>(address, value);
}

function raise(address: usize, value: i32): void {
  if (value > load<i32>(address)) store<i32>(address, value);
}

/**
 * Widens the boxes of 256 labels (six i32 each: low and high of each axis, half open) by `rows` rows of one slice, the
 * first of which is number `firstRow`. Label 0 is left out.
 */
export function widenLabelBoxes(labels: usize, slice: i32, firstRow: i32, rows: i32, length: i32, boxes: usize): void {
  const zero = i8x16.splat(0);
  for (let row = firstRow; row < firstRow + rows; row++, labels += <usize>length) {
    let x = 0;
    while (x < length) {
      const label = <i32>load<u8>(labels + <usize>x);
      const start = x++;
      if (label === 0) {
        while (x + 16 <= length && i8x16.all_true(i8x16.eq(v128.load(labels + <usize>x), zero))) x += 16;
        while (x < length && load<u8>(labels + <usize>x) === 0) x++;
        continue;
      }
      while (x < length && <i32>load<u8>(labels + <usize>x) === label) x++;
      const box = boxes + <usize>label * 24;
      lower(box, slice);
      raise(box + 4, slice + 1);
      lower(box + 8, row);
      raise(box + 12, row + 1);
      lower(box + 16, start);
      raise(box + 20, x);
    }
  }
}
