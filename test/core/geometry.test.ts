import { expect, test } from "vitest";
import { axisCodesOf, differingFields, NUMPY_CLOSENESS } from "../../src/core/geometry.js";
import { type Geometry, IDENTITY_GEOMETRY } from "../../src/core/volume.js";

const at = (originMm: Geometry["originMm"]): Geometry => ({ ...IDENTITY_GEOMETRY, originMm });

test("a difference counts from the tolerance on, relative to what is expected", () => {
  const expected = at([100, 0, 0]);
  // numpy.isclose(100.001, 100) and isclose(100.0011, 100); isclose(1e-8, 0) and isclose(1.1e-8, 0)
  expect(differingFields(at([100.001, 0, 0]), expected, NUMPY_CLOSENESS)).toEqual([]);
  expect(differingFields(at([100.0011, 0, 0]), expected, NUMPY_CLOSENESS)).toEqual(["originMm"]);
  expect(differingFields(at([100, 1e-8, 0]), expected, NUMPY_CLOSENESS)).toEqual([]);
  expect(differingFields(at([100, 1.1e-8, 0]), expected, NUMPY_CLOSENESS)).toEqual(["originMm"]);
});

test("each field can have its own tolerance, and NaN never passes", () => {
  const other: Geometry = { ...at([0.4, 0, 0]), spacingMm: [1.4, 1, 1] };
  expect(differingFields(other, IDENTITY_GEOMETRY, { spacingMm: 0.5, originMm: 0.3, direction: 0 })).toEqual([
    "originMm",
  ]);
  expect(differingFields(other, IDENTITY_GEOMETRY, { spacingMm: 0, originMm: 0, direction: 0 })).toEqual([
    "spacingMm",
    "originMm",
  ]);
  const broken = at([Number.NaN, 0, 0]);
  expect(differingFields(broken, broken, { spacingMm: 1, originMm: 1, direction: 1 })).toEqual(["originMm"]);
});

test("an array that counts towards left and posterior is LPS, and its mirror image RPS", () => {
  expect(axisCodesOf(IDENTITY_GEOMETRY.direction)).toBe("LPS");
  expect(axisCodesOf([-1, 0, 0, 0, 1, 0, 0, 0, 1])).toBe("RPS");
});
