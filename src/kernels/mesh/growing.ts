type Numbers = Float32Array | Uint32Array;

/** A typed array that grows at its end. */
export class Growing<T extends Numbers> {
  #values: T;
  #length = 0;

  constructor(empty: T) {
    this.#values = empty;
  }

  get length(): number {
    return this.#length;
  }

  append(part: T): void {
    const end = this.#length + part.length;
    if (end > this.#values.length) {
      const Kind = this.#values.constructor as new (length: number) => T;
      const larger = new Kind(Math.max(4096, end, Math.ceil(this.#values.length * 1.6)));
      larger.set(this.#values.subarray(0, this.#length) as never);
      this.#values = larger;
    }
    this.#values.set(part as never, this.#length);
    this.#length = end;
  }

  /** All values so far, on the array's own memory. */
  get values(): T {
    return this.#values.subarray(0, this.#length) as T;
  }
}
