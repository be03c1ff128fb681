import { NnprepError } from "../core/errors.js";
import { NdArray, type NdArrayData, PyDict, PyFloat, PyFunction, PyTuple, type PyValue } from "../core/python.js";
import { bytesOf, dtypeName } from "./npy.js";

/* Opcodes of Python's pickle protocol 3, the newest that every Python 3 and every NumPy loads. */
const OP = {
  PROTO: 0x80,
  STOP: 0x2e,
  MARK: 0x28,
  NONE: 0x4e,
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  BININT: 0x4a,
  BININT1: 0x4b,
  BININT2: 0x4d,
  LONG1: 0x8a,
  LONG4: 0x8b,
  BINFLOAT: 0x47,
  BINUNICODE: 0x58,
  BINBYTES: 0x42,
  SHORT_BINBYTES: 0x43,
  EMPTY_LIST: 0x5d,
  APPENDS: 0x65,
  EMPTY_DICT: 0x7d,
  SETITEMS: 0x75,
  EMPTY_TUPLE: 0x29,
  TUPLE: 0x74,
  TUPLE1: 0x85,
  GLOBAL: 0x63,
  REDUCE: 0x52,
  BUILD: 0x62,
  BINGET: 0x68,
  BINPUT: 0x71,
} as const;

/**
 * Pickles a value with protocol 3. NumPy's functions are named `numpy.core.multiarray`, which old and new NumPy know.
 * Throws INVALID_ARGUMENT for values that are no `PyValue`.
 */
export function formatPickle(value: PyValue): Uint8Array<ArrayBuffer> {
  const writer = new PickleWriter();
  writer.write(value);
  return writer.finish();
}

class PickleWriter {
  private buffer = new Uint8Array(1024);
  private view = new DataView(this.buffer.buffer);
  private length = 0;
  /** Memo indices of globals and dtypes, by name: written once, then referred to. */
  private readonly memo = new Map<string, number>();

  constructor() {
    this.bytes(OP.PROTO, 3);
  }

  finish(): Uint8Array<ArrayBuffer> {
    this.bytes(OP.STOP);
    return this.buffer.slice(0, this.length);
  }

  write(value: PyValue): void {
    if (value === null) this.bytes(OP.NONE);
    else if (value === true) this.bytes(OP.NEWTRUE);
    else if (value === false) this.bytes(OP.NEWFALSE);
    else if (typeof value === "number") this.writeNumber(value);
    else if (typeof value === "bigint") this.writeInteger(value);
    else if (typeof value === "string") this.writeString(value);
    else if (value instanceof PyFloat) this.writeFloat(value.value);
    else if (value instanceof PyTuple) this.writeTuple(value.items);
    else if (value instanceof PyDict) this.writeDict(value);
    else if (value instanceof NdArray) this.writeArray(value);
    else if (value instanceof PyFunction) this.writeGlobal(value.module, value.name);
    else if (Array.isArray(value)) this.writeList(value as readonly PyValue[]);
    else {
      throw new NnprepError("INVALID_ARGUMENT", `a ${typeof value} (${String(value)}) cannot be pickled`);
    }
  }

  private writeNumber(value: number): void {
    if (!Number.isInteger(value) || Object.is(value, -0)) this.writeFloat(value);
    else this.writeInteger(BigInt(value));
  }

  private writeInteger(value: bigint): void {
    if (value >= 0n && value < 256n) this.bytes(OP.BININT1, Number(value));
    else if (value >= 0n && value < 65536n) this.bytes(OP.BININT2, Number(value) & 255, Number(value) >> 8);
    else if (value >= -(2n ** 31n) && value < 2n ** 31n) {
      this.bytes(OP.BININT);
      this.uint32(Number(BigInt.asUintN(32, value)));
    } else {
      // Two's complement, as few bytes as hold it with its sign.
      let count = 1;
      while (BigInt.asIntN(8 * count, value) !== value) count++;
      if (count < 256) this.bytes(OP.LONG1, count);
      else {
        this.bytes(OP.LONG4);
        this.uint32(count);
      }
      for (let i = 0; i < count; i++) this.bytes(Number((value >> BigInt(8 * i)) & 255n));
    }
  }

  private writeFloat(value: number): void {
    this.bytes(OP.BINFLOAT);
    this.reserve(8);
    this.view.setFloat64(this.length, value, false);
    this.length += 8;
  }

  private writeString(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.bytes(OP.BINUNICODE);
    this.uint32(bytes.length);
    this.raw(bytes);
  }

  private writeBytes(value: Uint8Array): void {
    if (value.length < 256) this.bytes(OP.SHORT_BINBYTES, value.length);
    else {
      this.bytes(OP.BINBYTES);
      this.uint32(value.length);
    }
    this.raw(value);
  }

  private writeList(items: readonly PyValue[]): void {
    this.bytes(OP.EMPTY_LIST);
    if (items.length === 0) return;
    this.bytes(OP.MARK);
    for (const item of items) this.write(item);
    this.bytes(OP.APPENDS);
  }

  private writeTuple(items: readonly PyValue[]): void {
    if (items.length === 0) {
      this.bytes(OP.EMPTY_TUPLE);
      return;
    }
    if (items.length > 3) this.bytes(OP.MARK);
    for (const item of items) this.write(item);
    this.bytes(items.length > 3 ? OP.TUPLE : OP.TUPLE1 + items.length - 1);
  }

  private writeDict(dict: PyDict): void {
    if (dict.ordered) {
      this.writeGlobal("collections", "OrderedDict");
      this.bytes(OP.EMPTY_TUPLE, OP.REDUCE);
    } else {
      this.bytes(OP.EMPTY_DICT);
    }
    if (dict.entries.length === 0) return;
    this.bytes(OP.MARK);
    for (const [key, value] of dict.entries) {
      this.write(key);
      this.write(value);
    }
    this.bytes(OP.SETITEMS);
  }

  /** `numpy.ndarray.__reduce__`, and for the shape `[]` `numpy.generic.__reduce__`. */
  private writeArray({ data, shape }: NdArray): void {
    if (data.byteLength > 2 ** 31) {
      throw new NnprepError("UNSUPPORTED", `an array of ${data.byteLength} bytes is too large for a pickle (2 GiB)`);
    }
    if (shape.length === 0) {
      this.writeGlobal("numpy.core.multiarray", "scalar");
      this.writeDtype(data);
      this.writeBytes(bytesOf(data));
      this.bytes(OP.TUPLE1 + 1, OP.REDUCE);
      return;
    }
    this.writeGlobal("numpy.core.multiarray", "_reconstruct");
    this.writeGlobal("numpy", "ndarray");
    this.writeTuple([0]);
    this.writeBytes(new Uint8Array([98]));
    this.bytes(OP.TUPLE1 + 2, OP.REDUCE, OP.MARK);
    this.writeInteger(1n);
    this.writeTuple(shape);
    this.writeDtype(data);
    this.bytes(OP.NEWFALSE);
    this.writeBytes(bytesOf(data));
    this.bytes(OP.TUPLE, OP.BUILD);
  }

  private writeDtype(data: NdArrayData): void {
    const name = dtypeName(data);
    if (this.recall(name)) return;
    this.writeGlobal("numpy", "dtype");
    this.writeTuple([name.slice(1), false, true]);
    this.bytes(OP.REDUCE, OP.MARK);
    for (const item of [3, name[0], null, null, null, -1, -1, 0]) this.write(item);
    this.bytes(OP.TUPLE, OP.BUILD);
    this.memorize(name);
  }

  private writeGlobal(module: string, name: string): void {
    const line = `${module}\n${name}\n`;
    if (this.recall(line)) return;
    this.bytes(OP.GLOBAL);
    this.raw(new TextEncoder().encode(line));
    this.memorize(line);
  }

  private recall(what: string): boolean {
    const index = this.memo.get(what);
    if (index === undefined) return false;
    this.bytes(OP.BINGET, index);
    return true;
  }

  /** There are at most a few dozen globals and dtypes, so one byte holds the index. */
  private memorize(what: string): void {
    this.memo.set(what, this.memo.size);
    this.bytes(OP.BINPUT, this.memo.size - 1);
  }

  private bytes(...values: number[]): void {
    this.reserve(values.length);
    for (const value of values) this.buffer[this.length++] = value;
  }

  private uint32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.length, value, true);
    this.length += 4;
  }

  private raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  private reserve(count: number): void {
    if (this.length + count <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(2 * this.buffer.length, this.length + count));
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
    this.view = new DataView(larger.buffer);
  }
}
