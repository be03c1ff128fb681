import { transpose } from "../core/axes.js";
import { axisCodesOf, PATIENT_LETTERS } from "../core/geometry.js";
import type { Axes3, Geometry, Shape3, Vec3, Volume, VoxelArray } from "../core/volume.js";

const pairOf = (letter: string): number => PATIENT_LETTERS.findIndex((pair) => pair.includes(letter as never));

/** Whether three letters name each patient axis once, as RAS and LPI do. */
export function isOrientation(text: string): boolean {
  const pairs = [...text].map(pairOf);
  return pairs.length === 3 && new Set(pairs).size === 3 && !pairs.includes(-1);
}

/**
 * The volume with its axes in another order and sense, so that they run towards the sides that `axes` names, fastest
 * axis first ("RAS": towards right, anterior, superior); oblique axes count as what they are nearest to. No voxel changes
 * its place in the patient and no value changes.
 */
export function reorient<T extends VoxelArray>(volume: Volume<T>, axes: string): Volume<T> {
  const { shape, geometry } = volume;
  const codes = [...axisCodesOf(geometry.direction)];
  // Letters are fastest axis first, arrays slowest first.
  const columns = [...axes].map((letter) => codes.findIndex((code) => pairOf(code) === pairOf(letter)));
  const flipped = [...axes].map((letter, i) => codes[columns[i]] !== letter);
  const from = [...columns].reverse().map((column) => 2 - column) as unknown as Axes3;
  const flips = [...flipped].reverse() as [boolean, boolean, boolean];
  const data = transpose(volume.data, shape, from, flips);
  const origin: [number, number, number] = [...geometry.originMm];
  const direction = [...geometry.direction] as unknown as { [index: number]: number };
  columns.forEach((column, target) => {
    const axis = 2 - column;
    const sign = flipped[target] === true ? -1 : 1;
    for (let row = 0; row < 3; row++) {
      const cosine = geometry.direction[3 * row + column];
      if (sign < 0) {
        origin[row] += cosine * (shape[axis] - 1) * geometry.spacingMm[axis];
      }
      direction[3 * row + target] = sign * cosine;
    }
  });
  const pick = <V>(values: readonly V[]) => from.map((axis) => values[axis]);
  return {
    data,
    shape: pick(shape) as unknown as Shape3,
    geometry: {
      spacingMm: pick(geometry.spacingMm) as unknown as Vec3,
      originMm: origin,
      direction: direction as unknown as Geometry["direction"],
    },
  };
}
