import { NnprepError } from "../core/errors.js";
import { NdArray, PyDict, PyFloat, type PyFunction, PyTuple, type PyValue } from "../core/python.js";
import { build, call, isGlobalAllowed, type Loaded, PickleBytes, PickleGlobal, toPyValue } from "./pickle-globals.js";

/** Where a group of stack entries begins. */
const MARK = Symbol("mark");

function corrupt(message: string, detail: Record<string, unknown> = {}): NnprepError {
  return new NnprepError("CORRUPT_FILE", `pickle is truncated or damaged: ${message}`, detail);
}

/**
 * Reads a pickle of protocol 0 to 5 that holds plain Python values and NumPy arrays and scalars.
 * Nothing is ever executed: only the constructors of those types are understood, any other global is refused as
 * UNSUPPORTED and named. Throws CORRUPT_FILE when the stream breaks off or makes no sense.
 *
 * @param functions those that may be named as values besides; they are not called either
 */
export function parsePickle(bytes: Uint8Array, functions: readonly PyFunction[] = []): PyValue {
  return new PickleReader(bytes, functions).load();
}

class PickleReader {
  private at = 0;
  private readonly stack: (Loaded | typeof MARK)[] = [];
  private readonly memo = new Map<number, Loaded>();
  /** Where the keys of a dict stand in its entries. */
  private readonly places = new WeakMap<PyDict, Map<string, number>>();
  private readonly view: DataView;
  constructor(
    private readonly bytes: Uint8Array,
    private readonly functions: readonly PyFunction[],
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  load(): PyValue {
    for (;;) {
      const opcode = this.uint8();
      if (opcode === 0x2e) return toPyValue(this.pop());
      const step = OPCODES[opcode];
      if (step === undefined) {
        throw corrupt(`byte ${this.at - 1} is no instruction that is known here (0x${opcode.toString(16)})`, {
          position: this.at - 1,
          opcode,
        });
      }
      step(this);
    }
  }

  push(value: Loaded): void {
    this.stack.push(value);
  }

  mark(): void {
    this.stack.push(MARK);
  }

  pop(): Loaded {
    const value = this.stack.pop();
    if (value === undefined || value === MARK) throw corrupt(`nothing to take from the stack at byte ${this.at}`);
    return value;
  }

  top(): Loaded {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  popMark(): Loaded[] {
    const from = this.stack.lastIndexOf(MARK);
    if (from < 0) throw corrupt(`no group to close at byte ${this.at}`);
    const items = this.stack.splice(from) as Loaded[];
    return items.slice(1);
  }

  /** POP may take a mark too. */
  discard(): void {
    if (this.stack.pop() === undefined) throw corrupt(`nothing to take from the stack at byte ${this.at}`);
  }

  append(items: readonly Loaded[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw corrupt(`a value is appended to what is no list, at byte ${this.at}`);
    for (const item of items) list.push(item);
  }

  setItems(items: readonly Loaded[]): void {
    const dict = this.top();
    if (!(dict instanceof PyDict) || items.length % 2 !== 0) {
      throw corrupt(`an entry is put into what is no dict, at byte ${this.at}`);
    }
    const places = this.places.get(dict) ?? new Map<string, number>();
    this.places.set(dict, places);
    for (let i = 0; i < items.length; i += 2) {
      const [key, value] = [items[i] as PyValue, items[i + 1] as PyValue];
      const identity = identityOf(key);
      const place = identity === null ? undefined : places.get(identity);
      // Of entries with one key Python keeps the first key and the last value.
      if (place !== undefined) {
        dict.entries[place] = [dict.entries[place][0], value];
        continue;
      }
      if (identity !== null) places.set(identity, dict.entries.length);
      dict.entries.push([key, value]);
    }
  }

  global(module: string, name: string): void {
    const known = this.functions.find((one) => one.module === module && one.name === name);
    if (known !== undefined) {
      this.push(known);
      return;
    }
    if (!isGlobalAllowed(module, name)) {
      throw new NnprepError(
        "UNSUPPORTED",
        `pickle holds ${module}.${name}, which is not read here: only plain Python values and NumPy arrays and scalars are`,
        { global: `${module}.${name}` },
      );
    }
    this.push(new PickleGlobal(module, name));
  }

  stackGlobal(): void {
    const name = this.pop();
    const module = this.pop();
    if (typeof name !== "string" || typeof module !== "string")
      throw corrupt(`a global has no name, at byte ${this.at}`);
    this.global(module, name);
  }

  reduce(): void {
    const args = this.pop();
    const callee = this.pop();
    if (!(callee instanceof PickleGlobal) || !(args instanceof PyTuple)) {
      throw corrupt(`a call without function or arguments at byte ${this.at}`);
    }
    this.push(call(callee, args.items as readonly Loaded[]));
  }

  build(): void {
    const state = this.pop();
    this.push(build(this.pop(), state));
  }

  memorize(index: number): void {
    this.memo.set(index, this.top());
  }

  memorizeNext(): void {
    this.memorize(this.memo.size);
  }

  recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) throw corrupt(`memo entry ${index} is used before it is set, at byte ${this.at}`);
    this.push(value);
  }

  skip(count: number): void {
    this.take(count);
  }

  take(count: number): Uint8Array {
    if (!(count >= 0) || this.at + count > this.bytes.length) {
      throw corrupt(`${count} bytes are due at byte ${this.at}, ${this.bytes.length - this.at} are left`, {
        position: this.at,
        expected: count,
        found: this.bytes.length - this.at,
      });
    }
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  uint8(): number {
    return this.take(1)[0];
  }

  uint16(): number {
    this.take(2);
    return this.view.getUint16(this.at - 2, true);
  }

  uint32(): number {
    this.take(4);
    return this.view.getUint32(this.at - 4, true);
  }

  int32(): number {
    return this.uint32() | 0;
  }

  uint64(): number {
    this.take(8);
    return Number(this.view.getBigUint64(this.at - 8, true));
  }

  float64(): number {
    this.take(8);
    return this.view.getFloat64(this.at - 8, false);
  }

  line(): string {
    const end = this.bytes.indexOf(10, this.at);
    if (end < 0) throw corrupt(`a line without an end at byte ${this.at}`);
    const text = latin1(this.take(end - this.at));
    this.at++;
    return text;
  }

  long(count: number): void {
    let value = 0n;
    const bytes = this.take(count);
    if (count > 4096) throw new NnprepError("UNSUPPORTED", `pickle holds an integer of ${count} bytes`, { count });
    for (let i = count - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]);
    this.integer(count === 0 ? 0n : BigInt.asIntN(8 * count, value));
  }

  integer(value: bigint): void {
    const small = Number(value);
    this.push(Number.isSafeInteger(small) ? small : value);
  }

  integerLine(): void {
    const text = this.line().trim().replace(/L$/, "");
    if (text === "00" || text === "01") {
      this.push(text === "01");
      return;
    }
    if (!/^[+-]?\d{1,4096}$/.test(text)) throw corrupt(`"${text.slice(0, 40)}" is no integer`);
    this.integer(BigInt(text));
  }

  float(value: number): void {
    this.push(Number.isInteger(value) ? new PyFloat(value) : value);
  }

  floatLine(): void {
    const text = this.line().trim();
    const named = NAMED_FLOATS.get(text);
    // JavaScript takes more for a number than Python: "0x10", "" ...
    if (named === undefined && !(text.length < 400 && /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text))) {
      throw corrupt(`"${text.slice(0, 40)}" is no number`);
    }
    this.float(named ?? Number(text));
  }
}

const NAMED_FLOATS: ReadonlyMap<string, number> = new Map([
  ["nan", Number.NaN],
  ["inf", Number.POSITIVE_INFINITY],
  ["-inf", Number.NEGATIVE_INFINITY],
]);

/** Equal for keys that are equal in Python (1, 1.0 and True are); null for those that are never compared here. */
function identityOf(key: PyValue): string | null {
  if (typeof key === "string") return `s${key.length}:${key}`;
  if (typeof key === "boolean") return `n${Number(key)}`;
  if (typeof key === "number" || typeof key === "bigint") return `n${key}`;
  if (key instanceof PyFloat) return `n${key.value}`;
  if (key instanceof NdArray) return key.shape.length === 0 ? `n${key.data[0]}` : null;
  if (key === null) return "none";
  if (!(key instanceof PyTuple)) return null;
  const parts = key.items.map(identityOf);
  return parts.includes(null) ? null : `t${parts.length}(${parts.join(",")})`;
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}

function utf8(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** Python's `repr` of an 8-bit string, as protocol 0 writes it. */
function unquote(line: string): string {
  const text = line.trim();
  const body = /^(['"])(.*)\1$/s.exec(text)?.[2];
  if (body === undefined) throw corrupt(`"${text.slice(0, 40)}" is no quoted string`);
  const named: Record<string, string> = { n: "\n", r: "\r", t: "\t" };
  return body.replace(/\\(?:x([0-9a-fA-F]{2})|(.))/gs, (_, hex: string | undefined, char: string) =>
    hex === undefined ? (named[char] ?? char) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** Protocol 0's "raw-unicode-escape". */
function unescapeUnicode(line: string): string {
  return line.replace(/\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/g, (whole, short?: string, long?: string) => {
    const code = Number.parseInt(short ?? long ?? "", 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** Every instruction of protocols 0 to 5 but those for persistent ids, extension codes, sets and out-of-band buffers. */
const OPCODES: Readonly<Record<number, (r: PickleReader) => void>> = {
  40: (r) => r.mark(), // MARK
  48: (r) => r.discard(), // POP
  49: (r) => void r.popMark(), // POP_MARK
  50: (r) => r.push(r.top()), // DUP
  70: (r) => r.floatLine(), // FLOAT
  71: (r) => r.float(r.float64()), // BINFLOAT
  73: (r) => r.integerLine(), // INT
  74: (r) => r.push(r.int32()), // BININT
  75: (r) => r.push(r.uint8()), // BININT1
  76: (r) => r.integerLine(), // LONG
  77: (r) => r.push(r.uint16()), // BININT2
  78: (r) => r.push(null), // NONE
  82: (r) => r.reduce(), // REDUCE
  83: (r) => r.push(unquote(r.line())), // STRING
  84: (r) => r.push(latin1(r.take(r.uint32()))), // BINSTRING
  85: (r) => r.push(latin1(r.take(r.uint8()))), // SHORT_BINSTRING
  86: (r) => r.push(unescapeUnicode(r.line())), // UNICODE
  88: (r) => r.push(utf8(r.take(r.uint32()))), // BINUNICODE
  93: (r) => r.push([]), // EMPTY_LIST
  97: (r) => r.append([r.pop()]), // APPEND
  98: (r) => r.build(), // BUILD
  99: (r) => r.global(r.line(), r.line()), // GLOBAL
  100: (r) => {
    const items = r.popMark(); // DICT
    r.push(new PyDict());
    r.setItems(items);
  },
  101: (r) => r.append(r.popMark()), // APPENDS
  103: (r) => r.recall(Number(r.line())), // GET
  104: (r) => r.recall(r.uint8()), // BINGET
  106: (r) => r.recall(r.uint32()), // LONG_BINGET
  108: (r) => r.push(r.popMark() as PyValue[]), // LIST
  112: (r) => r.memorize(Number(r.line())), // PUT
  113: (r) => r.memorize(r.uint8()), // BINPUT
  114: (r) => r.memorize(r.uint32()), // LONG_BINPUT
  115: (r) => {
    const value = r.pop(); // SETITEM
    r.setItems([r.pop(), value]);
  },
  116: (r) => r.push(tuple(r.popMark())), // TUPLE
  117: (r) => r.setItems(r.popMark()), // SETITEMS
  41: (r) => r.push(tuple([])), // EMPTY_TUPLE
  66: (r) => r.push(new PickleBytes(r.take(r.uint32()))), // BINBYTES
  67: (r) => r.push(new PickleBytes(r.take(r.uint8()))), // SHORT_BINBYTES
  125: (r) => r.push(new PyDict()), // EMPTY_DICT
  128: (r) => r.skip(1), // PROTO
  133: (r) => r.push(tuple([r.pop()])), // TUPLE1
  134: (r) => {
    const [b, a] = [r.pop(), r.pop()]; // TUPLE2
    r.push(tuple([a, b]));
  },
  135: (r) => {
    const [c, b, a] = [r.pop(), r.pop(), r.pop()]; // TUPLE3
    r.push(tuple([a, b, c]));
  },
  136: (r) => r.push(true), // NEWTRUE
  137: (r) => r.push(false), // NEWFALSE
  138: (r) => r.long(r.uint8()), // LONG1
  139: (r) => r.long(r.uint32()), // LONG4
  140: (r) => r.push(utf8(r.take(r.uint8()))), // SHORT_BINUNICODE
  141: (r) => r.push(utf8(r.take(r.uint64()))), // BINUNICODE8
  142: (r) => r.push(new PickleBytes(r.take(r.uint64()))), // BINBYTES8
  147: (r) => r.stackGlobal(), // STACK_GLOBAL
  148: (r) => r.memorizeNext(), // MEMOIZE
  149: (r) => r.skip(8), // FRAME
  150: (r) => r.push(new PickleBytes(r.take(r.uint64()))), // BYTEARRAY8
};

function tuple(items: readonly Loaded[]): PyTuple {
  return new PyTuple(items as readonly PyValue[]);
}
