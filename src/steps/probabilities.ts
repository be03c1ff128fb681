import { NnprepError } from "../core/errors.js";
import { formatShape, type Shape3, voxelCount } from "../core/volume.js";
import type { FloatValues } from "../kernels/half.js";

export type { FloatValues } from "../kernels/half.js";

interface ProbabilityGrid {
  readonly classes: number;
  /** Voxels per axis, slowest first, of each class. */
  readonly shape: Shape3;
}

/** All probabilities at once: `(classes, a0, a1, a2)`, C order; float32, or float16 as its bits. */
export interface ProbabilityArray extends ProbabilityGrid {
  readonly data: FloatValues;
}

/** Probabilities that are asked for when they are needed, in ascending order of planes. */
export interface ProbabilityReader extends ProbabilityGrid {
  readonly precision: "float32" | "float16";
  /** All voxels of one class at one index of axis 0, `(a1, a2)`; the array may be reused after the next call. */
  readonly read: (classIndex: number, plane: number) => FloatValues | Promise<FloatValues>;
}

/** Probabilities that arrive in slabs along axis 0, each `(classes, any number of planes, a1, a2)`, in order. */
export interface ProbabilitySlabs extends ProbabilityGrid {
  readonly precision: "float32" | "float16";
  readonly slabs: AsyncIterable<FloatValues> | Iterable<FloatValues>;
  /** Takes back a slab that is read no more, so that a later one can use its memory. */
  readonly release?: ((slab: FloatValues) => void) | undefined;
}

/** Probabilities that arrive class by class, each `(a0, a1, a2)`; they are gathered before anything can be decided. */
export interface ProbabilityClasses extends ProbabilityGrid {
  readonly precision: "float32" | "float16";
  readonly volumes: AsyncIterable<FloatValues> | Iterable<FloatValues>;
}

/** Probabilities or logits, in any of the ways in which a network may hand them over. */
export type Probabilities = ProbabilityArray | ProbabilityReader | ProbabilitySlabs | ProbabilityClasses;

/** Probabilities of which any plane can be had at any time. */
export interface ProbabilityPlanes extends ProbabilityGrid {
  readonly precision: "float32" | "float16";
  /** All voxels of one class at one index of axis 0, `(a1, a2)`; not to be written to. */
  readonly planeOf: (classIndex: number, plane: number) => FloatValues;
}

/** The planes of an array, as views. */
export function planesOf(array: ProbabilityArray): ProbabilityPlanes {
  const { classes, shape, data } = array;
  const size = shape[1] * shape[2];
  const planeOf = (c: number, plane: number) => {
    const at = (c * shape[0] + plane) * size;
    return data.subarray(at, at + size);
  };
  return { classes, shape, precision: precisionOf(array), planeOf };
}

/** Planes of all classes in ascending order, whatever way they come. */
export interface PlaneFeed {
  /** Makes planes `from` ... `to` (both included) available; earlier ones may be forgotten. A promise if it must wait. */
  prepare(from: number, to: number): Promise<void> | undefined;
  /** One class of an available plane. */
  plane(classIndex: number, plane: number): FloatValues;
}

/** Precision of the numbers that a source delivers. */
export function precisionOf(source: Probabilities): "float32" | "float16" {
  if ("data" in source) return source.data instanceof Uint16Array ? "float16" : "float32";
  return source.precision;
}

function checkCount(what: string, found: number, source: ProbabilityGrid, expected: number): void {
  if (found === expected) return;
  throw new NnprepError(
    "SHAPE_MISMATCH",
    `${what} has ${found} values, but ${source.classes} classes of shape ${formatShape(source.shape)} need ${expected}`,
    { found, expected, classes: source.classes, shape: [...source.shape] },
  );
}

function checkGrid({ classes, shape }: ProbabilityGrid): void {
  if ([classes, ...shape].every((n) => Number.isInteger(n) && n >= 1)) return;
  throw new NnprepError(
    "INVALID_ARGUMENT",
    `probabilities of shape ${formatShape([classes, ...shape])}: four whole numbers of at least 1 are expected`,
    { found: [classes, ...shape] },
  );
}

/** Opens a source for one pass. @throws NnprepError SHAPE_MISMATCH, INVALID_ARGUMENT */
export async function openFeed(source: Probabilities): Promise<PlaneFeed> {
  checkGrid(source);
  if ("slabs" in source) return new SlabFeed(source);
  if ("read" in source) return new ReaderFeed(source);
  const array = "volumes" in source ? await gatherClasses(source) : source;
  checkCount("the array", array.data.length, array, array.classes * voxelCount(array.shape));
  return { prepare: () => undefined, plane: planesOf(array).planeOf };
}

/** All probabilities in one array; the given one if it is one. */
export async function gatherProbabilities(source: Probabilities): Promise<ProbabilityArray> {
  if ("data" in source) return source;
  if ("volumes" in source) return gatherClasses(source);
  const { classes, shape } = source;
  const size = shape[1] * shape[2];
  const data = emptyLike(precisionOf(source), classes * voxelCount(shape));
  const feed = await openFeed(source);
  for (let a = 0; a < shape[0]; a++) {
    await feed.prepare(a, a);
    for (let c = 0; c < classes; c++) data.set(feed.plane(c, a), (c * shape[0] + a) * size);
  }
  return { classes, shape, data };
}

function emptyLike(precision: "float32" | "float16", length: number): FloatValues {
  return precision === "float16" ? new Uint16Array(length) : new Float32Array(length);
}

async function gatherClasses(source: ProbabilityClasses): Promise<ProbabilityArray> {
  const { classes, shape } = source;
  const count = voxelCount(shape);
  const data = emptyLike(source.precision, classes * count);
  let found = 0;
  for await (const volume of source.volumes) {
    if (found === classes) throw tooMany(`more than ${classes} classes arrive`, classes);
    checkCount(`class ${found}`, volume.length, { classes: 1, shape }, count);
    data.set(volume, found++ * count);
  }
  if (found < classes) throw tooFew(`only ${found} of ${classes} classes arrived`, found, classes);
  return { classes, shape, data };
}

function tooMany(message: string, expected: number): NnprepError {
  return new NnprepError("SHAPE_MISMATCH", message, { expected });
}

function tooFew(message: string, found: number, expected: number): NnprepError {
  return new NnprepError("SHAPE_MISMATCH", message, { found, expected });
}

/** Keeps the two planes that are worked on. */
class ReaderFeed implements PlaneFeed {
  readonly #source: ProbabilityReader;
  readonly #planes = new Map<number, FloatValues[]>();

  constructor(source: ProbabilityReader) {
    this.#source = source;
  }

  prepare(from: number, to: number): Promise<void> | undefined {
    for (const a of this.#planes.keys()) if (a < from) this.#planes.delete(a);
    for (let a = from; a <= to; a++) if (!this.#planes.has(a)) return this.#readAll(from, to);
    return undefined;
  }

  async #readAll(from: number, to: number): Promise<void> {
    const { classes, shape, read } = this.#source;
    const size = shape[1] * shape[2];
    for (let a = from; a <= to; a++) {
      if (this.#planes.has(a)) continue;
      const planes: FloatValues[] = [];
      for (let c = 0; c < classes; c++) {
        const values = await read(c, a);
        checkCount(`class ${c} of plane ${a}`, values.length, { classes: 1, shape: [1, shape[1], shape[2]] }, size);
        planes.push(values.slice());
      }
      this.#planes.set(a, planes);
    }
  }

  plane(c: number, a: number): FloatValues {
    return (this.#planes.get(a) as FloatValues[])[c];
  }
}

interface Slab {
  readonly values: FloatValues;
  /** Planes that it holds, half open. */
  readonly from: number;
  readonly to: number;
}

/** Keeps the slabs that are worked on. */
class SlabFeed implements PlaneFeed {
  readonly #source: ProbabilitySlabs;
  readonly #iterator: AsyncIterator<FloatValues> | Iterator<FloatValues>;
  #slabs: Slab[] = [];
  #arrived = 0;

  constructor(source: ProbabilitySlabs) {
    this.#source = source;
    const { slabs } = source;
    this.#iterator = Symbol.asyncIterator in slabs ? slabs[Symbol.asyncIterator]() : slabs[Symbol.iterator]();
  }

  prepare(from: number, to: number): Promise<void> | undefined {
    this.#forgetBefore(from);
    return to < this.#arrived ? undefined : this.#readTo(to);
  }

  #forgetBefore(plane: number): void {
    const { release } = this.#source;
    this.#slabs = this.#slabs.filter((slab) => {
      if (slab.to > plane) return true;
      release?.(slab.values);
      return false;
    });
  }

  async #readTo(plane: number): Promise<void> {
    const { classes, shape } = this.#source;
    const perPlane = classes * shape[1] * shape[2];
    while (this.#arrived <= plane) {
      const next = await this.#iterator.next();
      if (next.done === true) {
        throw tooFew(`the slabs end after ${this.#arrived} of ${shape[0]} planes`, this.#arrived, shape[0]);
      }
      const planes = next.value.length / perPlane;
      if (!Number.isInteger(planes) || planes < 1 || this.#arrived + planes > shape[0]) {
        const left: Shape3 = [shape[0] - this.#arrived, shape[1], shape[2]];
        throw tooMany(
          `a slab of ${next.value.length} values after ${this.#arrived} planes; whole planes of ${perPlane} values are expected, at most ${left[0]} of them`,
          perPlane,
        );
      }
      this.#slabs.push({ values: next.value, from: this.#arrived, to: this.#arrived + planes });
      this.#arrived += planes;
    }
  }

  plane(c: number, a: number): FloatValues {
    const { shape } = this.#source;
    const slab = this.#slabs.find(({ from, to }) => from <= a && a < to) as Slab;
    const size = shape[1] * shape[2];
    const start = (c * (slab.to - slab.from) + a - slab.from) * size;
    return slab.values.subarray(start, start + size);
  }
}
