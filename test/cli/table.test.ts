import { expect, test } from "vitest";
import { formatTable, joinShared, printable } from "../../src/cli/table.js";

test("a warning that more than two cases share is one line", () => {
  const said = ["a", "b", "c", "c"].map((name) => [name, "NaN became 0"] as const);
  expect(joinShared([...said, ["b", "no label"]])).toEqual(["3 (a to c): NaN became 0", "b: no label"]);
  expect(joinShared(said.slice(0, 2))).toEqual(["a: NaN became 0", "b: NaN became 0"]);
});

test("what a terminal would obey is spelt out", () => {
  expect(printable("a\x1b[2J\r\n\tb\x9b")).toBe("a\\x1b[2J\\x0d\n\tb\\x9b");
  expect(formatTable(["case"], [["a\nb\x07"]])).toBe("case\n------\na b\\x07".replace("------", "-".repeat(7)));
});
