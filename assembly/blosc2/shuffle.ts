/*
 * Blosc's filters: what is done to a block before it is compressed. Shuffle puts the first bytes of all elements together, then
 * the second bytes, and so on, bitshuffle the same with bits; delta takes the XOR with another element.
 */

/** Puts byte k of all elements of `width` bytes together; a rest of less than an element stays at the end. */
export function shuffleBytes(input: usize, length: i32, width: i32, output: usize): void {
  const count = length / width;
  let i = 0;
  if (width === 4) {
    const second = output + <usize>count;
    const third = second + <usize>count;
    const fourth = third + <usize>count;
    for (; i <= count - 16; i += 16) {
      const from = input + ((<usize>i) << 2);
      // Bytes of four elements each, then of eight, then of sixteen, sorted by their place in the element.
      const a = gatherFours(v128.load(from));
      const b = gatherFours(v128.load(from, 16));
      const c = gatherFours(v128.load(from, 32));
      const d = gatherFours(v128.load(from, 48));
      const ab = v128.shuffle<u32>(a, b, 0, 4, 1, 5);
      const cd = v128.shuffle<u32>(c, d, 0, 4, 1, 5);
      const ab2 = v128.shuffle<u32>(a, b, 2, 6, 3, 7);
      const cd2 = v128.shuffle<u32>(c, d, 2, 6, 3, 7);
      v128.store(output + <usize>i, v128.shuffle<u64>(ab, cd, 0, 2));
      v128.store(second + <usize>i, v128.shuffle<u64>(ab, cd, 1, 3));
      v128.store(third + <usize>i, v128.shuffle<u64>(ab2, cd2, 0, 2));
      v128.store(fourth + <usize>i, v128.shuffle<u64>(ab2, cd2, 1, 3));
    }
  } else if (width === 2) {
    const second = output + <usize>count;
    for (; i <= count - 16; i += 16) {
      const from = input + ((<usize>i) << 1);
      const a = v128.load(from);
      const b = v128.load(from, 16);
      v128.store(output + <usize>i, v128.shuffle<u8>(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30));
      v128.store(second + <usize>i, v128.shuffle<u8>(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31));
    }
  }
  for (let k = 0; k < width; k++) {
    const plane = output + <usize>(k * count);
    for (let j = i; j < count; j++) store<u8>(plane + <usize>j, load<u8>(input + <usize>(j * width + k)));
  }
  const whole = count * width;
  memory.copy(output + <usize>whole, input + <usize>whole, <usize>(length - whole));
}

function gatherFours(x: v128): v128 {
  return v128.shuffle<u8>(x, x, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
}

/** Undoes `shuffleBytes`. */
export function unshuffleBytes(input: usize, length: i32, width: i32, output: usize): void {
  const count = length / width;
  let i = 0;
  if (width === 4) {
    const second = input + <usize>count;
    const third = second + <usize>count;
    const fourth = third + <usize>count;
    for (; i <= count - 16; i += 16) {
      const to = output + ((<usize>i) << 2);
      const a = v128.load(input + <usize>i);
      const b = v128.load(second + <usize>i);
      const c = v128.load(third + <usize>i);
      const d = v128.load(fourth + <usize>i);
      const ab = v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      const cd = v128.shuffle<u8>(c, d, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      const ab2 = v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
      const cd2 = v128.shuffle<u8>(c, d, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
      v128.store(to, v128.shuffle<u16>(ab, cd, 0, 8, 1, 9, 2, 10, 3, 11), 0);
      v128.store(to, v128.shuffle<u16>(ab, cd, 4, 12, 5, 13, 6, 14, 7, 15), 16);
      v128.store(to, v128.shuffle<u16>(ab2, cd2, 0, 8, 1, 9, 2, 10, 3, 11), 32);
      v128.store(to, v128.shuffle<u16>(ab2, cd2, 4, 12, 5, 13, 6, 14, 7, 15), 48);
    }
  } else if (width === 2) {
    const second = input + <usize>count;
    for (; i <= count - 16; i += 16) {
      const to = output + ((<usize>i) << 1);
      const a = v128.load(input + <usize>i);
      const b = v128.load(second + <usize>i);
      v128.store(to, v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), 0);
      v128.store(to, v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), 16);
    }
  }
  for (let k = 0; k < width; k++) {
    const plane = input + <usize>(k * count);
    for (let j = i; j < count; j++) store<u8>(output + <usize>(j * width + k), load<u8>(plane + <usize>j));
  }
  const whole = count * width;
  memory.copy(output + <usize>whole, input + <usize>whole, <usize>(length - whole));
}

/** Transposes a matrix of 8 x 8 bits, row r in byte r (Hacker's Delight, 7-3). */
function transposeBits(x: u64): u64 {
  let t = (x ^ (x >> 7)) & 0x00aa00aa00aa00aa;
  x ^= t ^ (t << 7);
  t = (x ^ (x >> 14)) & 0x0000cccc0000cccc;
  x ^= t ^ (t << 14);
  t = (x ^ (x >> 28)) & 0x00000000f0f0f0f0;
  return x ^ t ^ (t << 28);
}

/**
 * Undoes bitshuffle: plane 8k + b holds bit b of byte k of all elements, the element's number modulo 8 being the bit in the
 * plane's byte. Only whole eights of elements were shuffled, the rest is as it was.
 */
export function unshuffleBits(input: usize, length: i32, width: i32, output: usize): void {
  const groups = length / width / 8;
  const whole = groups * 8 * width;
  for (let k = 0; k < width; k++) {
    const planes = input + <usize>(k * 8 * groups);
    for (let g = 0; g < groups; g++) {
      let bits: u64 = 0;
      for (let b = 7; b >= 0; b--) bits = (bits << 8) | load<u8>(planes + <usize>(b * groups + g));
      bits = transposeBits(bits);
      let to = output + <usize>(g * 8 * width + k);
      for (let e = 0; e < 8; e++, to += <usize>width, bits >>= 8) store<u8>(to, <u8>bits);
    }
  }
  memory.copy(output + <usize>whole, input + <usize>whole, <usize>(length - whole));
}

/** Undoes delta within a block: every element was stored as its XOR with the one before. */
export function undoDelta(block: usize, length: i32, width: i32): void {
  const end = block + <usize>(length - (length % width));
  for (let at = block + <usize>width; at < end; at++) store<u8>(at, load<u8>(at) ^ load<u8>(at - <usize>width));
}

/** `block ^= reference`, whole vectors. */
export function xorBytes(block: usize, length: i32, reference: usize): void {
  for (let i = 0; i < length; i += 16) {
    const at = block + <usize>i;
    v128.store(at, v128.xor(v128.load(at), v128.load(reference + <usize>i)));
  }
}
