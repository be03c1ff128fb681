/**
 * Writes the number of each int16 label that differs from the one before it, `first` for the one at `labels`, whose
 * predecessor lies before it. Returns how many there are.
 */
export function runStarts(labels: usize, count: i32, first: i32, starts: usize): i32 {
  const begin = starts;
  for (let i = 0; i < count; i += 8, labels += 16) {
    let changes: u32 = i16x8.bitmask(i16x8.ne(v128.load(labels), v128.load(labels - 2)));
    if (count - i < 8) changes &= (1 << (<u32>(count - i))) - 1;
    for (; changes !== 0; changes &= changes - 1, starts += 4) store<i32>(starts, first + i + <i32>ctz(changes));
  }
  return <i32>((starts - begin) >> 2);
}
