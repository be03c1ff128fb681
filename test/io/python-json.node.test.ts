import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { md5Hex } from "../../src/core/md5.js";
import { compareCodePoints } from "../../src/core/paths.js";
import { PyFloat } from "../../src/core/python.js";
import { formatPythonJson, type PythonJson, parsePythonJson, pythonFloat } from "../../src/io/python-json.js";
import { parsePostprocessing } from "../../src/recipes/v1/documents/postprocessing.js";

test.each([
  [1, "1.0"],
  [-0, "-0.0"],
  [0.1, "0.1"],
  [1e-4, "0.0001"],
  [9.999e-5, "9.999e-05"],
  [1.5e-7, "1.5e-07"],
  [1e15, "1000000000000000.0"],
  [123456789012345680, "1.2345678901234568e+17"],
  [1e16, "1e+16"],
  [1e22, "1e+22"],
  [-2.5e-300, "-2.5e-300"],
  [1234.5, "1234.5"],
  [Number.NaN, "nan"],
  [Number.NEGATIVE_INFINITY, "-inf"],
])("repr of a float: %d", (value, expected) => expect(pythonFloat(value)).toBe(expected));

test("dicts, lists, ints, floats and text as json.dumps writes them", () => {
  const value = new Map<string, PythonJson>([
    ["b", [1, new PyFloat(1), 1.5, Number.NaN, null, true]],
    ["a", new Map([["é\u{1F600}\n\u007f", [] as number[]]])],
  ]);
  expect(formatPythonJson(value)).toBe(
    '{"b": [1, 1.0, 1.5, NaN, null, true], "a": {"\\u00e9\\ud83d\\ude00\\n\\u007f": []}}',
  );
  expect(formatPythonJson(value, { indent: 2, sortKeys: true })).toBe(
    '{\n  "a": {\n    "\\u00e9\\ud83d\\ude00\\n\\u007f": []\n  },\n  "b": [\n    1,\n    1.0,\n    1.5,\n    NaN,\n    null,\n    true\n  ]\n}',
  );
});

test("order of Python's sorted: by code point, also where UTF-16 has pairs and halves of them", () => {
  const sorted = ["", "a", "a_", "aa", "\u{d83d}", "\u{d83d}b", "\u{d83e}", "\u{ff5e}", "\u{1f600}", "\u{1f601}a"];
  expect([...sorted].reverse().sort(compareCodePoints)).toEqual(sorted);
});

test("NaN and Infinity are read, but not inside text", () => {
  expect(parsePythonJson('{"a": [NaN, -Infinity, 1], "NaN": "x \\" NaN"}')).toEqual({
    a: [Number.NaN, Number.NEGATIVE_INFINITY, 1],
    NaN: 'x " NaN',
  });
  expect(() => parsePythonJson("{nonsense")).toThrow(expect.objectContaining({ code: "CORRUPT_FILE" }));
});

test.each(["", "a", "x".repeat(55), "y".repeat(56), "z".repeat(64), "é".repeat(1000)])("MD5 of %j", (text) => {
  expect(md5Hex(text)).toBe(createHash("md5").update(text).digest("hex"));
});

test("postprocessing.json: sizes as NumPy 1 and 2 print them; what is none is refused", () => {
  const read = (sizes: string) =>
    parsePostprocessing(`{"for_which_classes": [[1, 2], 3], "min_valid_object_sizes": ${JSON.stringify(sizes)}}`);
  const expected = [
    { classes: [1, 2], sizeMm3: 24 },
    { classes: 3, sizeMm3: 1e-5 },
    { classes: [4], sizeMm3: 2.5 },
  ];
  expect(read("{(1, 2): 24.0, 3: 1e-05, (4,): 2.5}").min_valid_object_sizes).toEqual(expected);
  expect(
    read("{(1, 2): np.float64(24.0), 3: np.float64(1e-05), (4,): np.float64(2.5)}").min_valid_object_sizes,
  ).toEqual(expected);
  expect(read("{}").min_valid_object_sizes).toEqual([]);
  expect(read("None").min_valid_object_sizes).toBe(null);
  expect(parsePostprocessing('{"for_which_classes": []}')).toEqual({
    for_which_classes: [],
    min_valid_object_sizes: null,
  });
  const refused = expect.objectContaining({ code: "CORRUPT_FILE" });
  expect(() => read("{1: os.system('x')}")).toThrow(refused);
  expect(() => parsePostprocessing('{"for_which_classes": [0]}')).toThrow(refused);
  expect(() => parsePostprocessing("{}")).toThrow(refused);
});
