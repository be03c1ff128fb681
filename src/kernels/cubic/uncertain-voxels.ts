import type { Shape3 } from "../../core/volume.js";

/** An output voxel whose float32 rounding the fast passes cannot decide, and the float64 value they found. */
export interface UncertainVoxel {
  readonly k0: number;
  readonly k1: number;
  readonly k2: number;
  readonly value: number;
}

/** Columns of a resampling: lanes [from, to) of the output plane with its rows padded to `width`. */
export interface Lanes {
  readonly from: number;
  readonly to: number;
  readonly width: number;
}

/** Up to this many are kept one by one; more are only marked. */
const FEW = 4096;

/**
 * The uncertain voxels of one resampling: a list while they are few. When they are many, they are marked in the output
 * itself by NaN, which no finite volume gives and which the repair replaces.
 */
export class UncertainVoxels {
  readonly #output: Float32Array;
  readonly #shape: Shape3;
  readonly #lanes: Lanes;
  #list: UncertainVoxel[] | null;

  /**
   * `lanes` are those that are resampled here; others may be in the hands of other threads. `list` is what was found
   * before; null when it is marked already.
   */
  constructor(output: Float32Array, newShape: Shape3, lanes: Lanes, list: UncertainVoxel[] | null = []) {
    this.#list = list;
    this.#output = output;
    this.#shape = newShape;
    this.#lanes = lanes;
  }

  /** Called after the voxel's own value was written to the output. */
  add(k0: number, k1: number, k2: number, value: number): void {
    if (this.#list === null) {
      this.#mark(k0, k1, k2);
      return;
    }
    this.#list.push({ k0, k1, k2, value });
    if (this.#list.length > FEW) {
      for (const d of this.#list) this.#mark(d.k0, d.k1, d.k2);
      this.#list = null;
    }
  }

  #mark(k0: number, k1: number, k2: number): void {
    this.#output[(k0 * this.#shape[1] + k1) * this.#shape[2] + k2] = Number.NaN;
  }

  /** The voxels one by one, or null when there are too many. */
  get few(): readonly UncertainVoxel[] | null {
    return this.#list;
  }

  /** Columns from `from` to `to` of the marked voxels of one output row, into `columns`; returns how many. */
  markedInRow(k0: number, k1: number, from: number, to: number, columns: Int32Array): number {
    const row = (k0 * this.#shape[1] + k1) * this.#shape[2];
    const { from: firstLane, to: endLane, width } = this.#lanes;
    const begin = Math.max(from, firstLane - k1 * width);
    const end = Math.min(to, endLane - k1 * width);
    let count = 0;
    for (let k2 = begin; k2 < end; k2++) {
      if (Number.isNaN(this.#output[row + k2])) columns[count++] = k2;
    }
    return count;
  }
}
