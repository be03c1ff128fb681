/*
 * BloscLZ, the codec that c-blosc2 compresses its chunk indexes with. Blosc's own description is its decoder
 * (github.com/Blosc/c-blosc2, blosc/blosclz.c). Control byte below 32: that number + 1 of literals. Else its upper three bits
 * less 1 are the length of a match less 3, continued by bytes while it is 6 and they are 255; its lower five bits are the
 * upper part of the distance less 1, the next byte is the lower part. The largest distance that fits is continued by two
 * bytes, the upper one first.
 */

/** The distance that says that two more bytes follow. */
const FAR: usize = 8191;

/**
 * Decompresses `length` bytes; returns how many bytes came out, or -1 if the stream is damaged or holds more than `capacity`.
 */
export function blosclzDecompress(input: usize, length: i32, output: usize, capacity: i32): i32 {
  const end = input + <usize>length;
  const outputEnd = output + <usize>capacity;
  let at = input;
  let out = output;
  while (at < end) {
    let control = <usize>load<u8>(at);
    // The first control byte stands before literals, whatever its upper bits say.
    if (at === input) control &= 31;
    at++;
    if (control < 32) {
      const count = control + 1;
      if (count > end - at || count > outputEnd - out) return -1;
      memory.copy(out, at, count);
      at += count;
      out += count;
    } else {
      let count = (control >> 5) - 1;
      if (count === 6) {
        let more: usize = 255;
        while (more === 255) {
          if (at >= end || count > <usize>capacity) return -1;
          more = <usize>load<u8>(at++);
          count += more;
        }
      }
      count += 3;
      if (at >= end) return -1;
      let distance = ((control & 31) << 8) + <usize>load<u8>(at++);
      if (distance === FAR) {
        if (end - at < 2) return -1;
        distance += ((<usize>load<u8>(at)) << 8) + <usize>load<u8>(at + 1);
        at += 2;
      }
      distance++;
      if (distance > out - output || count > outputEnd - out) return -1;
      for (const last = out + count; out < last; out++) store<u8>(out, load<u8>(out - distance));
    }
  }
  return <i32>(out - output);
}
