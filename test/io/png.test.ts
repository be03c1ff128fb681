import fc from "fast-check";
import { decode } from "fast-png";
import { expect, test } from "vitest";
import { formatPng } from "../../src/io/png.js";

function pixels(width: number, height: number, seed: number, opaque: boolean) {
  const data = new Uint8ClampedArray(4 * width * height);
  let state = seed >>> 0;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = opaque && i % 4 === 3 ? 255 : state >>> 24;
  }
  return { data, width, height };
}

test("what is written is read again, with opacity and without", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 40 }),
      fc.nat(),
      fc.boolean(),
      (w, h, s, o) => {
        const picture = pixels(w, h, s, o);
        const found = decode(formatPng(picture), { checkCrc: true });
        expect([found.width, found.height, found.depth]).toEqual([w, h, 8]);
        const kept = o ? picture.data.filter((_, i) => i % 4 !== 3) : picture.data;
        // One pixel that happens to be opaque needs no opacity either.
        if (found.channels === (o ? 3 : 4)) expect([...found.data]).toEqual([...kept]);
        else expect(picture.data.every((value, i) => i % 4 !== 3 || value === 255)).toBe(true);
      },
    ),
    { seed: 5, numRuns: 60 },
  );
});

test("a single transparent pixel keeps the opacity of all", () => {
  const picture = pixels(7, 5, 1, true);
  picture.data[4 * 34 + 3] = 254;
  const { channels, data } = decode(formatPng(picture), { checkCrc: true });
  expect(channels).toBe(4);
  expect([...data]).toEqual([...picture.data]);
});
