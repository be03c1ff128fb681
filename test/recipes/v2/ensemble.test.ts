import { expect, test } from "vitest";
import type { CaseProperties } from "../../../src/recipes/v2/documents/properties.js";
import { checkMembersAgree } from "../../../src/recipes/v2/ensemble.js";

const CASE = {
  spacingMm: [2, 1, 1],
  shapeBeforeCropping: [5, 6, 7],
  sitk: { spacing: [1, 1, 2], origin: [0, 0, 0], direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] },
} as unknown as CaseProperties;

function check(change: Partial<CaseProperties>): void {
  checkMembersAgree([
    { name: "a/x.pkl", properties: CASE },
    { name: "b/x.pkl", properties: { ...CASE, ...change } },
  ]);
}

test("members of one scan agree, those of plans with other axes too", () => {
  expect(() => check({})).not.toThrow();
  expect(() => check({ shapeBeforeCropping: [7, 5, 6] })).not.toThrow();
});

test.each<[string, Partial<CaseProperties>]>([
  ["spacingMm", { spacingMm: [2, 1, 1.5] }],
  ["shapeBeforeCropping", { shapeBeforeCropping: [5, 6, 8] }],
  ["sitk", { sitk: { spacing: [1, 1, 2], origin: [0, 0, 9], direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] } }],
])("members that differ in %s are named with what differs", (key, change) => {
  expect(() => check(change)).toThrowError(
    new RegExp(`^b/x.pkl: "${key}" is .*, but a/x.pkl has .*must come from the same scan$`),
  );
});
