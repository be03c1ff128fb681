import { NnprepError } from "./errors.js";

/**
 * Python values as nnU-Net pickles them. JavaScript's own `null`, `boolean`, `string`, `Array` (list) stand for
 * themselves; a plain `number` is a Python int when it is whole and a float otherwise, so a float that happens to be
 * whole needs `PyFloat`; a `bigint` is an int.
 */
export type PyValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly PyValue[]
  | PyFloat
  | PyTuple
  | PyDict
  | PyFunction
  | NdArray;

/** A Python function, pickled by its name; it is never called. */
export class PyFunction {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}
}

/** A Python float, whole or not. */
export class PyFloat {
  constructor(readonly value: number) {}
}

/** A Python tuple. */
export class PyTuple {
  constructor(readonly items: readonly PyValue[]) {}
}

/** A Python dict or, when `ordered`, a `collections.OrderedDict`; entries in insertion order. */
export class PyDict {
  constructor(
    readonly entries: (readonly [PyValue, PyValue])[] = [],
    readonly ordered = false,
  ) {}

  /** The value under a string or whole-number key, or undefined. */
  get(key: string | number): PyValue | undefined {
    return this.entries.find(([k]) => k === key)?.[1];
  }
}

/** dtypes of the arrays that nnU-Net writes; int64 holds `BigInt64Array`. */
export type NdArrayData =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** A C-contiguous NumPy array; a NumPy scalar has the shape `[]`. */
export class NdArray {
  constructor(
    readonly data: NdArrayData,
    readonly shape: readonly number[],
  ) {
    const count = shape.reduce((a, b) => a * b, 1);
    if (data.length !== count) {
      throw new NnprepError(
        "SHAPE_MISMATCH",
        `an array of ${data.length} values cannot have the shape (${shape.join(", ")})`,
      );
    }
  }
}
