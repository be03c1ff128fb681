import type { Axes3 } from "../src/core/volume.js";

/** Every order of three axes, the identity first. */
export const ORDERS: readonly Axes3[] = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

/** Every choice of axes to turn round, none first. */
export const FLIPS: readonly (readonly [boolean, boolean, boolean])[] = [0, 1, 2, 3, 4, 5, 6, 7].map((bits) => [
  (bits & 1) !== 0,
  (bits & 2) !== 0,
  (bits & 4) !== 0,
]);
