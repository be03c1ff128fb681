import { expect, test } from "vitest";
import { JsonFields } from "../../src/io/json-fields.js";

test("a plain name leads nowhere else", () => {
  const fields = new JsonFields("INVALID_PLANS");
  for (const name of ["nnUNetPlans_2d", "a.b", "Ä b"]) expect(fields.plainName(name, "k")).toBe(name);
  for (const name of ["../evil", "a/b", "a\\b", ".", "..", ".nnprep", "", 3, undefined]) {
    expect(() => fields.plainName(name, "k")).toThrow(/^k: expected/);
  }
});
