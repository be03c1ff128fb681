import { expect, test } from "vitest";
import { TransferredBuffers } from "../../src/runtime/transferred-buffers.js";

test("memory that was given back is lent again, the smallest that fits", () => {
  const buffers = new TransferredBuffers();
  const [large, small] = [buffers.float64(100), buffers.float32(120)];
  expect([large.length, small.length]).toEqual([100, 120]);
  buffers.give(large, small);
  buffers.endRound();
  expect(buffers.float32(110).buffer).toBe(small.buffer);
  expect(buffers.float32(110).buffer).toBe(large.buffer);
  expect([large.buffer, small.buffer]).not.toContain(buffers.float32(110).buffer);
});

test("memory is not lent for much less than it is, and given up after a round in which nobody asked for it", () => {
  const buffers = new TransferredBuffers();
  const large = buffers.float64(100);
  buffers.give(large);
  expect(buffers.float64(49).buffer).not.toBe(large.buffer);
  buffers.endRound();
  buffers.endRound();
  expect(buffers.float64(100).buffer).not.toBe(large.buffer);
});

test("what does not fit is given up before more memory is asked for", () => {
  const buffers = new TransferredBuffers();
  const small = buffers.float64(10);
  buffers.give(small);
  buffers.endRound();
  buffers.float64(100);
  expect(buffers.float64(10).buffer).not.toBe(small.buffer);
});
