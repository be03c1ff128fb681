/* Damage for files: seeded, so that a failure can be had again. */

/** Small generator of pseudo-random whole numbers below `n` (mulberry32). */
export function randomBelow(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * n);
  };
}

/** What fields are set to: the ends of the integer types, and texts that are no numbers. */
const EXTREMES = [
  [0, 0],
  [255, 255],
  [255, 127],
  [0, 128],
  [255, 255, 255, 255],
  [255, 255, 255, 127],
  [0, 0, 0, 128],
  [0, 0, 0, 0],
  [1, 0, 0, 0],
  [...new TextEncoder().encode("1e999")],
  [...new TextEncoder().encode("-1e-9")],
  [...new TextEncoder().encode("NaN")],
  [...new TextEncoder().encode("\\\\")],
  [...new TextEncoder().encode("99999999")],
];

export type Damage = "bits" | "cut" | "extreme" | "remove" | "insert" | "repeat";
export const DAMAGES: readonly Damage[] = ["bits", "cut", "extreme", "remove", "insert", "repeat"];

/** A damaged copy. Bits and extremes keep the length. */
export function damageBytes(bytes: Uint8Array, damage: Damage, below: (n: number) => number): Uint8Array<ArrayBuffer> {
  const at = below(bytes.length);
  const length = 1 + below(40);
  const result = bytes.slice();
  switch (damage) {
    case "bits":
      for (let i = below(4); i >= 0; i--) {
        const place = below(bytes.length);
        result[place] = result[place] ^ (1 << below(8));
      }
      return result;
    case "cut":
      return result.slice(0, at);
    case "extreme": {
      const value = EXTREMES[below(EXTREMES.length)];
      result.set(value.slice(0, bytes.length - at), at);
      return result;
    }
    case "remove":
      return joined(bytes.subarray(0, at), bytes.subarray(at + length));
    case "insert":
      return joined(bytes.subarray(0, at), new Uint8Array(length).fill(below(256)), bytes.subarray(at));
    case "repeat":
      return joined(bytes.subarray(0, at + length), bytes.subarray(at));
  }
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
