import { NnprepError } from "../core/errors.js";

const PAGE = 65536;
const ALIGNMENT = 64;
/** Kernels read whole vectors at row ends. */
const SLACK = 64;

/** As many addresses as there are byte lengths. */
export type Reserved<T extends readonly number[]> = { -readonly [K in keyof T]: number };

/** Bytes of a structure of arguments; see `Window.storeArguments`. */
export function argumentBytes(members: Readonly<Record<string, string | number>>): number {
  // An enum has its members by name and by number.
  return (Object.keys(members).length / 2) * 8;
}

/**
 * The scratch memory of the kernels. An operation reserves all its buffers in one call, which may grow the memory
 * and so detaches older views: take views after reserving, and never keep them.
 */
export class Window {
  readonly #memory: WebAssembly.Memory;
  readonly #base: number;

  constructor(memory: WebAssembly.Memory, base: number) {
    this.#memory = memory;
    this.#base = Math.ceil(base / ALIGNMENT) * ALIGNMENT;
  }

  /**
   * Addresses of buffers of the given byte lengths, as many as these, 64-byte aligned with 64 bytes of slack. Contents are
   * undefined.
   */
  reserve<const T extends readonly number[]>(...byteLengths: T): Reserved<T> {
    let end = this.#base;
    const addresses = byteLengths.map((length) => {
      const address = end;
      end += Math.ceil((length + SLACK) / ALIGNMENT) * ALIGNMENT;
      return address;
    });
    const missing = end - this.#memory.buffer.byteLength;
    if (missing > 0) {
      try {
        this.#memory.grow(Math.ceil(missing / PAGE));
      } catch {
        throw new NnprepError(
          "OUT_OF_MEMORY",
          `a kernel needs a window of ${end} bytes, and the engine refuses to grow WebAssembly memory from ${this.#memory.buffer.byteLength} bytes; run fewer workers or split the volume`,
          { needed: end, available: this.#memory.buffer.byteLength },
        );
      }
    }
    return addresses as Reserved<T>;
  }

  /**
   * Writes what a kernel with many arguments is told: one float64 for each member of an enum that wrapper and kernel share
   * (assembly/arguments.ts). An address, a count or a float32 fits it exactly.
   */
  storeArguments<Member extends number>(address: number, values: Readonly<Record<Member, number>>): void {
    const structure = this.f64(address, Object.keys(values).length);
    for (const [member, value] of Object.entries<number>(values)) structure[Number(member)] = value;
  }

  /** Bytes of WebAssembly memory in use; it never shrinks. */
  get byteLength(): number {
    return this.#memory.buffer.byteLength;
  }

  u8(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, address, length);
  }
  u16(address: number, length: number): Uint16Array {
    return new Uint16Array(this.#memory.buffer, address, length);
  }
  i16(address: number, length: number): Int16Array {
    return new Int16Array(this.#memory.buffer, address, length);
  }
  i32(address: number, length: number): Int32Array {
    return new Int32Array(this.#memory.buffer, address, length);
  }
  u32(address: number, length: number): Uint32Array {
    return new Uint32Array(this.#memory.buffer, address, length);
  }
  f32(address: number, length: number): Float32Array {
    return new Float32Array(this.#memory.buffer, address, length);
  }
  f64(address: number, length: number): Float64Array {
    return new Float64Array(this.#memory.buffer, address, length);
  }
}
