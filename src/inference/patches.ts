import type { Shape3 } from "../core/volume.js";

/** Preprocessed channels of one case: what the network sees. */
export interface NetworkInput {
  /** One array per channel, each of `shape`, C order. */
  readonly channels: readonly Float32Array[];
  /** Voxels per axis, slowest first. */
  readonly shape: Shape3;
}

/** Which of the three axes are mirrored. */
export type Flips = readonly [boolean, boolean, boolean];

/**
 * The voxels of a box at `start`, which may reach over the borders, where there are zeros; mirrored along some axes.
 *
 * @param output `(channels, ...size)`
 */
export function cutPatch(image: NetworkInput, start: Shape3, size: Shape3, flips: Flips, output: Float32Array): void {
  const { channels, shape } = image;
  const [p0, p1, p2] = size;
  const low = Math.max(0, -start[2]);
  const high = Math.min(p2, shape[2] - start[2]);
  output.fill(0);
  for (const [c, data] of channels.entries()) {
    for (let i = 0; i < p0; i++) {
      const a0 = start[0] + i;
      if (a0 < 0 || a0 >= shape[0]) continue;
      for (let j = 0; j < p1; j++) {
        const a1 = start[1] + j;
        if (a1 < 0 || a1 >= shape[1]) continue;
        const from = (a0 * shape[1] + a1) * shape[2] + start[2];
        const row = flips[0] ? p0 - 1 - i : i;
        const to = ((c * p0 + row) * p1 + (flips[1] ? p1 - 1 - j : j)) * p2;
        if (!flips[2]) output.set(data.subarray(from + low, from + high), to + low);
        else for (let k = low; k < high; k++) output[to + p2 - 1 - k] = data[from + k];
      }
    }
  }
}

/** Adds mirrored logits, turned back, to `sums`; both `(classes, ...size)`. */
export function addMirrored(logits: Float32Array, size: Shape3, flips: Flips, sums: Float32Array): void {
  const [p0, p1, p2] = size;
  const rows = logits.length / p2;
  for (let row = 0; row < rows; row++) {
    const j = row % p1;
    const i = ((row - j) / p1) % p0;
    const source = row + (flips[1] ? p1 - 1 - 2 * j : 0) + (flips[0] ? (p0 - 1 - 2 * i) * p1 : 0);
    const to = row * p2;
    if (flips[2]) {
      const last = source * p2 + p2 - 1;
      for (let k = 0; k < p2; k++) sums[to + k] += logits[last - k];
    } else {
      const from = source * p2;
      for (let k = 0; k < p2; k++) sums[to + k] += logits[from + k];
    }
  }
}

/**
 * Order in which mirrored versions are added up: in nnU-Net v2 smaller sets of axes first and each size in
 * lexicographic order, in v1 as a number counts whose lowest digit is the last axis.
 */
export type MirrorOrder = "fewest axes first" | "last axis fastest";

/**
 * Every non-empty subset of the axes.
 *
 * @param axes axes of the patch that may be mirrored, in the order in which the checkpoint has them
 * @param patchAxes 2 for a 2-D network, whose axis 0 is axis 1 of the image
 */
export function mirrorings(axes: readonly number[], patchAxes: number, order: MirrorOrder): Flips[] {
  const ordered = order === "fewest axes first" ? axes : [...axes].sort((a, b) => b - a);
  const subsets = Array.from({ length: 1 << axes.length }, (_, bits) =>
    ordered.map((_, position) => position).filter((position) => (bits >> position) & 1),
  ).slice(1);
  const compare = (a: number[], b: number[]) => {
    const at = a.findIndex((position, i) => position !== b[i]);
    return a.length - b.length || a[at] - b[at];
  };
  if (order === "fewest axes first") subsets.sort(compare);
  return subsets.map((positions) => {
    const flipped = positions.map((position) => ordered[position] + 3 - patchAxes);
    return [flipped.includes(0), flipped.includes(1), flipped.includes(2)];
  });
}
