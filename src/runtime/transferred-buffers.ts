/** A buffer is taken for this many times what is asked for at most. */
const ROOM = 2;

/**
 * Memory that is handed to other threads, comes back and is handed over again: the first touch of fresh memory costs more
 * than most kernels. What one round did not use is given up at its end.
 */
export class TransferredBuffers {
  #current: ArrayBuffer[] = [];
  /** Of the rounds before, not yet used in this one. */
  #earlier: ArrayBuffer[] = [];

  /** Values of undefined content. */
  float32(length: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.#take(length * 4), 0, length);
  }

  float64(length: number): Float64Array<ArrayBuffer> {
    return new Float64Array(this.#take(length * 8), 0, length);
  }

  #take(bytes: number): ArrayBuffer {
    const found = takeFitting(this.#current, bytes) ?? takeFitting(this.#earlier, bytes);
    if (found !== null) return found;
    // What does not fit is given up before more is asked for.
    for (let freed = 0; freed < bytes && this.#earlier.length > 0; ) {
      freed += (this.#earlier.pop() as ArrayBuffer).byteLength;
    }
    return new ArrayBuffer(bytes);
  }

  /** Takes buffers back. */
  give(...values: readonly (Float32Array | Float64Array)[]): void {
    for (const { buffer } of values) this.#current.push(buffer as ArrayBuffer);
  }

  endRound(): void {
    this.#earlier = this.#current;
    this.#current = [];
  }
}

function takeFitting(buffers: ArrayBuffer[], bytes: number): ArrayBuffer | null {
  let best = -1;
  for (let i = 0; i < buffers.length; i++) {
    const size = buffers[i].byteLength;
    if (size < bytes || size > ROOM * bytes) continue;
    if (best < 0 || size < buffers[best].byteLength) best = i;
  }
  return best < 0 ? null : buffers.splice(best, 1)[0];
}
