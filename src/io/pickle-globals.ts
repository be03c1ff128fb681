import { NnprepError } from "../core/errors.js";
import { NdArray, PyDict, PyFloat, PyFunction, PyTuple, type PyValue } from "../core/python.js";
import { makeArray } from "./npy.js";

/** A name that a pickle refers to; it stands for what `call` knows of it and is never looked up anywhere. */
export class PickleGlobal {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}
}

/** Python `bytes` and `bytearray`: only as the memory of arrays. */
export class PickleBytes {
  constructor(readonly bytes: Uint8Array) {}
}

/** A NumPy dtype: its kind and size (`f4`) and, once its state is set, its byte order. */
class PickleDtype {
  byteOrder = "<";
  constructor(readonly kind: string) {}

  get name(): string {
    return this.byteOrder + this.kind;
  }
}

/** `numpy.core.multiarray._reconstruct`: an array whose state comes later. */
class PickleArray {
  array: NdArray | null = null;
}

export type Loaded = PyValue | PickleGlobal | PickleBytes | PickleDtype | PickleArray;

const ARRAY_FUNCTIONS = ["_reconstruct", "scalar"];
const PYTHON_TYPES = ["list", "dict", "tuple", "int", "long", "float", "bool", "str", "bytes", "bytearray"];

/** The globals that may be named in a pickle, by module. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  "numpy.core.multiarray": ARRAY_FUNCTIONS,
  "numpy._core.multiarray": ARRAY_FUNCTIONS,
  "numpy.core.numeric": ["_frombuffer"],
  "numpy._core.numeric": ["_frombuffer"],
  numpy: ["ndarray", "dtype"],
  collections: ["OrderedDict"],
  builtins: PYTHON_TYPES,
  __builtin__: PYTHON_TYPES,
  // How protocols 0 to 2 write bytes.
  _codecs: ["encode"],
};

export function isGlobalAllowed(module: string, name: string): boolean {
  return Object.hasOwn(ALLOWED, module) && ALLOWED[module].includes(name);
}

function corrupt(message: string): NnprepError {
  return new NnprepError("CORRUPT_FILE", `pickle is truncated or damaged: ${message}`);
}

function unsupported(message: string): NnprepError {
  return new NnprepError("UNSUPPORTED", `pickle holds ${message}, which is not read here`);
}

/** What calling a global with these arguments makes. */
export function call(callee: PickleGlobal, args: readonly Loaded[]): Loaded {
  switch (callee.name) {
    case "_reconstruct":
      return new PickleArray();
    case "scalar":
      return makeScalar(args);
    case "_frombuffer":
      return fromBuffer(args);
    case "dtype":
      return makeDtype(args[0]);
    case "OrderedDict":
      return makeDict(args, true);
    case "dict":
      return makeDict(args, false);
    case "encode":
      return new PickleBytes(latin1Bytes(args[0]));
    default:
      return makePlain(callee.name, args);
  }
}

/** `list(...)`, `int(...)` and so on: values that simple types are written as by protocols 0 and 1. */
function makePlain(type: string, args: readonly Loaded[]): Loaded {
  const value = args[0];
  switch (type) {
    case "list":
      return Array.isArray(value)
        ? [...value]
        : value instanceof PyTuple
          ? [...value.items]
          : noArguments(type, args, []);
    case "tuple":
      if (value instanceof PyTuple) return value;
      return Array.isArray(value) ? new PyTuple(value) : noArguments(type, args, new PyTuple([]));
    case "bytes":
    case "bytearray":
      if (value instanceof PickleBytes) return value;
      if (typeof value === "string") return new PickleBytes(latin1Bytes(value));
      return noArguments(type, args, new PickleBytes(new Uint8Array(0)));
    case "str":
      return typeof value === "string" ? value : noArguments(type, args, "");
    case "bool":
      return typeof value === "boolean"
        ? value
        : typeof value === "number"
          ? value !== 0
          : noArguments(type, args, false);
    case "float":
      return value instanceof PyFloat ? value : typeof value === "number" ? new PyFloat(value) : unsupportedCall(type);
    case "int":
    case "long":
      if (value instanceof PyFloat && Number.isSafeInteger(value.value)) return value.value;
      if (typeof value === "number") return Math.trunc(value) + 0;
      return typeof value === "bigint" ? value : unsupportedCall(type);
    default:
      return unsupportedCall(type);
  }
}

function noArguments(type: string, args: readonly Loaded[], value: Loaded): Loaded {
  return args.length === 0 ? value : unsupportedCall(type);
}

function unsupportedCall(type: string): never {
  throw unsupported(`a call of ${type} with arguments of another kind than ${type} itself writes`);
}

/** Python 2 writes an OrderedDict as a list of [key, value]. */
function makeDict(args: readonly Loaded[], ordered: boolean): PyDict {
  const dict = new PyDict([], ordered);
  if (args.length === 0) return dict;
  const pairs = args[0];
  if (pairs instanceof PyDict) {
    dict.entries.push(...pairs.entries);
    return dict;
  }
  if (!Array.isArray(pairs)) throw corrupt("a dict is made of something that is no list of pairs");
  for (const pair of pairs as PyValue[]) {
    const items = pair instanceof PyTuple ? pair.items : pair;
    if (!Array.isArray(items) || items.length !== 2)
      throw corrupt("a dict is made of something that is no list of pairs");
    dict.entries.push([items[0], items[1]]);
  }
  return dict;
}

function makeDtype(kind: Loaded | undefined): PickleDtype {
  if (typeof kind !== "string") throw unsupported("a NumPy dtype that is not named by a string");
  if (!/^[biuf][1248]$/.test(kind)) {
    throw new NnprepError(
      "UNSUPPORTED",
      `pickle holds a NumPy array of dtype "${kind}"; bool, integers and floats of up to 64 bits can be read`,
      { found: kind },
    );
  }
  return new PickleDtype(kind);
}

function makeScalar([dtype, memory]: readonly Loaded[]): Loaded {
  if (!(dtype instanceof PickleDtype)) throw corrupt("a NumPy scalar without dtype");
  const array = makeArray(memoryOf(memory), dtype.name, [], false);
  return dtype.kind === "b1" ? array.data[0] !== 0 : array;
}

function fromBuffer([memory, dtype, shape, order]: readonly Loaded[]): PickleArray {
  if (!(dtype instanceof PickleDtype)) throw corrupt("a NumPy array without dtype");
  const result = new PickleArray();
  result.array = makeArray(memoryOf(memory), dtype.name, shapeOf(shape), order === "F");
  return result;
}

/** `__setstate__` of arrays and dtypes. */
export function build(target: Loaded, state: Loaded): Loaded {
  if (!(state instanceof PyTuple)) throw unsupported("an object with a state of its own");
  const items = state.items as readonly Loaded[];
  if (target instanceof PickleDtype) {
    const byteOrder = items[1];
    if (typeof byteOrder !== "string" || !/^[<>|=]$/.test(byteOrder)) throw corrupt("a dtype without byte order");
    // Shared through the memo, so changed in place.
    target.byteOrder = byteOrder;
    return target;
  }
  if (target instanceof PickleArray) {
    // (version, shape, dtype, is it in Fortran order, memory); NumPy before 1.0 wrote no version.
    const [shape, dtype, fortranOrder, memory] = items.slice(items.length - 4);
    if (!(dtype instanceof PickleDtype)) throw corrupt("a NumPy array without dtype");
    target.array = makeArray(memoryOf(memory), dtype.name, shapeOf(shape), fortranOrder === true || fortranOrder === 1);
    return target;
  }
  throw unsupported("an object with a state of its own");
}

function shapeOf(shape: Loaded): number[] {
  const sizes = shape instanceof PyTuple ? shape.items : [shape];
  for (const n of sizes) {
    if (typeof n !== "number" || !Number.isSafeInteger(n) || n < 0) throw corrupt("a NumPy array with a broken shape");
  }
  return sizes as number[];
}

/** The bytes, in a copy: the array shall not keep the whole pickle alive. */
function memoryOf(memory: Loaded): Uint8Array {
  if (memory instanceof PickleBytes) return new Uint8Array(memory.bytes);
  if (typeof memory === "string") return latin1Bytes(memory);
  throw unsupported("a NumPy array of objects");
}

function latin1Bytes(text: Loaded): Uint8Array {
  if (typeof text !== "string") throw corrupt("bytes that are no string");
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** Replaces what stands for NumPy objects; refuses what has no place in a `PyValue`, and values within themselves. */
export function toPyValue(loaded: Loaded): PyValue {
  const done = new Map<Loaded, PyValue>();
  const open = new Set<Loaded>();
  const convert = (value: Loaded): PyValue => {
    if (value === null || typeof value !== "object") return value;
    if (value instanceof NdArray || value instanceof PyFloat || value instanceof PyFunction) return value;
    const known = done.get(value);
    if (known !== undefined) return known;
    if (open.has(value)) throw unsupported("a value that contains itself");
    if (open.size > 1000) throw unsupported("values nested more than 1000 deep");
    open.add(value);
    const result = convertOne(value, convert);
    open.delete(value);
    done.set(value, result);
    return result;
  };
  return convert(loaded);
}

function convertOne(value: Exclude<Loaded, null>, convert: (value: Loaded) => PyValue): PyValue {
  if (value instanceof PickleArray) {
    if (value.array === null) throw corrupt("a NumPy array without content");
    return value.array;
  }
  if (value instanceof PyDict) {
    return new PyDict(
      value.entries.map(([key, item]) => [convert(key), convert(item)] as const),
      value.ordered,
    );
  }
  if (value instanceof PyTuple) return new PyTuple(value.items.map(convert));
  if (Array.isArray(value)) return (value as PyValue[]).map(convert);
  if (value instanceof PickleGlobal) throw unsupported(`${value.module}.${value.name} itself`);
  if (value instanceof PickleBytes) throw unsupported("bytes");
  throw unsupported("a NumPy dtype");
}
