import type { Shape3 } from "../src/core/volume.js";

export type Numbers = Uint8Array | Int16Array | Int32Array | Float32Array | Float64Array;

/** The sizes of a run: those of the table, or small ones that only show that everything works. */
export interface Scale {
  readonly quick: boolean;
  shape(full: Shape3): Shape3;
  count(full: number): number;
}

export const FULL: Scale = { quick: false, shape: (full) => full, count: (full) => full };

/** A quarter of every axis. */
export const QUICK: Scale = {
  quick: true,
  shape: ([a, b, c]) => [Math.ceil(a / 4), Math.ceil(b / 4), Math.ceil(c / 4)],
  count: (full) => Math.ceil(full / 64),
};

/** An array that both sides read from the same file. */
export interface Input {
  /** Name of the file without ending; the same name is made once. */
  readonly file: string;
  readonly shape: readonly number[];
  readonly make: () => Numbers;
}

/** What a row turned out to be, for its target. */
export interface Figures {
  /** Seconds of one call. */
  readonly seconds: number;
  /** Reference time over ours; null without the reference. */
  readonly ratio: number | null;
  readonly differing: number | null;
  /** Largest difference in units of the reference's range. */
  readonly error: number | null;
  /** Seconds that copying one byte takes in the same process. */
  readonly copySecondsPerByte: number;
  readonly inputBytes: number;
}

export interface Target {
  readonly text: string;
  /** null: cannot be told, for the reference is missing. */
  readonly reached: (figures: Figures) => boolean | null;
}

/** One operation on arrays in memory, ours beside the reference's. */
export interface Row {
  readonly name: string;
  /** What is measured, in words. */
  readonly size: string;
  /** Name in OPERATIONS of scipy_baseline.py. */
  readonly operation: string;
  /** What the reference side calls. */
  readonly reference: string;
  /** A package of the reference side that need not be there. */
  readonly needs?: string;
  readonly inputs: Readonly<Record<string, Input>>;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** The voxels that times are divided by: of the output, for whole cases of the input. */
  readonly voxels: number;
  readonly target: Target;
  /**
   * Gets everything ready that a caller would reuse (destinations above all).
   * `run` does the work once and returns some number out of the result; `outputs` are the arrays to compare.
   */
  readonly prepare: (arrays: Readonly<Record<string, Numbers>>) => Prepared;
}

export interface Prepared {
  run(): number | Promise<number>;
  outputs(): Readonly<Record<string, Numbers>>;
}

/** Another method, whose result is another: only its time is of interest. */
export const PEER: Target = { text: "none, another result", reached: () => null };

/** Result equal in every value, and at least `factor` times as fast as the reference. */
export function exactAnd(factor: number): Target {
  return {
    text: `${factor}x, exact`,
    reached: ({ ratio, differing }) => (ratio === null ? null : ratio >= factor && differing === 0),
  };
}

export function sizeText(...shapes: (readonly number[])[]): string {
  return shapes.map((shape) => shape.join("x")).join(" -> ");
}
