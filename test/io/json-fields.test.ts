import { expect, test } from "vitest";
import { JsonFields } from "../../src/io/json-fields.js";

test("the name of a folder leads nowhere else", () => {
  const fields = new JsonFields("INVALID_PLANS");
  for (const name of ["nnUNetPlans_2d", "a.b", "Ä b"]) expect(fields.folderName(name, "k")).toBe(name);
  for (const name of ["../evil", "a/b", "a\\b", ".", "..", ".nnprep", "", 3, undefined]) {
    expect(() => fields.folderName(name, "k")).toThrow(/^k: expected/);
  }
});
