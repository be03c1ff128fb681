import { type Shape3, voxelCount } from "../core/volume.js";

/** An output voxel whose float32 rounding the fast passes cannot decide, and the float64 value they found. */
export interface Doubt {
  readonly k0: number;
  readonly k1: number;
  readonly k2: number;
  readonly value: number;
}

/** Up to this many doubts are kept one by one; more are only marked. */
const FEW = 4096;

/** The voxels in doubt of one resampling: a list while they are few, one bit a voxel when they are many. */
export class Doubts {
  readonly #shape: Shape3;
  #list: Doubt[] = [];
  #bits: Uint8Array | null = null;

  constructor(newShape: Shape3) {
    this.#shape = newShape;
  }

  add(k0: number, k1: number, k2: number, value: number): void {
    if (this.#bits !== null) {
      this.#mark(this.#bits, k0, k1, k2);
      return;
    }
    this.#list.push({ k0, k1, k2, value });
    if (this.#list.length > FEW) {
      this.#bits = new Uint8Array(Math.ceil(voxelCount(this.#shape) / 8));
      for (const d of this.#list) this.#mark(this.#bits, d.k0, d.k1, d.k2);
      this.#list = [];
    }
  }

  #mark(bits: Uint8Array, k0: number, k1: number, k2: number): void {
    const at = (k0 * this.#shape[1] + k1) * this.#shape[2] + k2;
    const byte = Math.floor(at / 8);
    bits[byte] = (bits[byte] as number) | (1 << (at % 8));
  }

  /** The doubts one by one, or null when there are too many. */
  get few(): readonly Doubt[] | null {
    return this.#bits === null ? this.#list : null;
  }

  /** Columns from `from` to `to` of the marked voxels of one output row, into `columns`; returns how many. */
  markedInRow(k0: number, k1: number, from: number, to: number, columns: Int32Array): number {
    const bits = this.#bits as Uint8Array;
    const row = (k0 * this.#shape[1] + k1) * this.#shape[2];
    let count = 0;
    for (let k2 = from; k2 < to; ) {
      const at = row + k2;
      const byte = bits[Math.floor(at / 8)] as number;
      if (byte === 0) {
        k2 += 8 - (at % 8);
        continue;
      }
      if ((byte >> (at % 8)) & 1) columns[count++] = k2;
      k2++;
    }
    return count;
  }
}
