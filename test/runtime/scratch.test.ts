import { expect, test } from "vitest";
import { borrowBuffer, dropGiven, giveBack, reuseGiven } from "../../src/runtime/scratch.js";

test("memory that is given back is lent again to who asks for about as much, and to nobody else", () => {
  const first = borrowBuffer(1000);
  giveBack([new Uint8Array(first)]);
  // Nothing is kept where nobody drops it.
  expect(borrowBuffer(1000)).not.toBe(first);

  reuseGiven();
  const [small, large] = [borrowBuffer(1000), borrowBuffer(5000)];
  // Twice given, and what was not lent.
  giveBack([new Uint8Array(small), new Float32Array(small, 8, 2), new Float32Array(large), new Uint8Array(900)]);
  expect(borrowBuffer(900)).toBe(small);
  expect(borrowBuffer(900, Number.POSITIVE_INFINITY)).toBe(large);
  expect(borrowBuffer(900)).not.toBe(small);

  giveBack([new Uint8Array(large)]);
  // What does not fit is given up.
  expect(borrowBuffer(900).byteLength).toBe(900);
  expect(borrowBuffer(5000)).not.toBe(large);

  giveBack([new Uint8Array(small)]);
  dropGiven();
  expect(borrowBuffer(1000)).not.toBe(small);
});
