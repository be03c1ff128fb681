import { expect, test } from "vitest";
import { NnprepError } from "../../src/core/errors.js";
import { PyDict, PyFloat, PyTuple } from "../../src/core/python.js";
import { formatPickle, parsePickle } from "../../src/io/pickle.js";
import { type Described, fromBase64, parseDescribed } from "./python-values.js";

interface Values {
  values: Record<string, Described>;
  pickles: { name: string; protocol: number; base64: string }[];
}

const fixtures = import.meta.glob("../golden/pickle/*.json", { eager: true, import: "default" });
const { values, pickles } = fixtures["../golden/pickle/values.json"] as Values;
const documents = fixtures["../golden/pickle/nnunet.json"] as { name: string; base64: string; value: Described }[];

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof NnprepError) return error.code;
    throw error;
  }
  return "no error";
}

const textBytes = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));

for (const { name, protocol, base64 } of pickles) {
  test(`reads ${name}, protocol ${protocol}`, () => {
    expect(parsePickle(fromBase64(base64))).toEqual(parseDescribed(values[name]));
  });
}

for (const name of Object.keys(values)) {
  test(`writes and reads ${name}`, () => {
    const value = parseDescribed(values[name]);
    expect(parsePickle(formatPickle(value))).toEqual(value);
  });
}

for (const { name, base64, value } of documents) {
  test(`reads and writes nnU-Net's ${name}`, () => {
    const expected = parseDescribed(value);
    expect(parsePickle(fromBase64(base64))).toEqual(expected);
    expect(parsePickle(formatPickle(expected))).toEqual(expected);
  });
}

test("keeps the sign of zero and tells floats from ints", () => {
  const items = parsePickle(formatPickle([-0, new PyFloat(-0), new PyFloat(2), 2])) as unknown[];
  expect(items).toEqual([new PyFloat(-0), new PyFloat(-0), new PyFloat(2), 2]);
  expect(Object.is((items[0] as PyFloat).value, -0)).toBe(true);
});

test("refuses every global that is not known, and names it", () => {
  for (const evil of ["cos\nsystem\n(S'true'\ntR.", "cbuiltins\neval\n(S'1'\ntR.", "c__main__\nThing\n."]) {
    expect(() => parsePickle(textBytes(evil))).toThrow(/os\.system|builtins\.eval|__main__\.Thing/);
    expect(codeOf(() => parsePickle(textBytes(evil)))).toBe("UNSUPPORTED");
  }
  // the names of Object.prototype are no modules
  expect(codeOf(() => parsePickle(textBytes("cconstructor\nname\n.")))).toBe("UNSUPPORTED");
  expect(codeOf(() => parsePickle(textBytes("c__proto__\nname\n.")))).toBe("UNSUPPORTED");
});

test("refuses what contains itself, and deep nesting", () => {
  expect(codeOf(() => parsePickle(textBytes("]q\x00h\x00a.")))).toBe("UNSUPPORTED");
  expect(codeOf(() => parsePickle(textBytes(`${"]".repeat(5000)}${"a".repeat(4999)}.`)))).toBe("UNSUPPORTED");
});

test("refuses bytes that are no pickle, at every length", () => {
  const whole = formatPickle(new PyDict([["a", new PyTuple([1, "b", new PyFloat(2)])]], true));
  for (let length = 0; length < whole.length; length++) {
    expect(codeOf(() => parsePickle(whole.subarray(0, length)))).toBe("CORRUPT_FILE");
  }
});

test("damaged bytes end in an error or a value", () => {
  const whole = fromBase64(documents.find(({ name }) => name === "plans")!.base64);
  let state = 12345;
  const random = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  for (let i = 0; i < 2000; i++) {
    const damaged = whole.slice();
    for (let k = 0; k <= random(3); k++) damaged[random(damaged.length)] = random(256);
    expect(["no error", "CORRUPT_FILE", "UNSUPPORTED"]).toContain(codeOf(() => parsePickle(damaged)));
  }
});

test("a value that is not Python's is named", () => {
  expect(codeOf(() => formatPickle(undefined as never))).toBe("INVALID_ARGUMENT");
  expect(codeOf(() => formatPickle({} as never))).toBe("INVALID_ARGUMENT");
});

test("entries with one key, and numbers as only JavaScript reads them", () => {
  // {"a": 1, "b": 2, "a": 3, 1: "x", 1.0: "y"}
  const dict = parsePickle(textBytes("(dS'a'\nI1\nsS'b'\nI2\nsS'a'\nI3\nsI1\nS'x'\nsF1.0\nS'y'\ns.")) as PyDict;
  expect(dict.entries).toEqual([
    ["a", 3],
    ["b", 2],
    [1, "y"],
  ]);
  for (const text of ["toString", "0x10", "", "Infinity", "1_0", "0b1", "constructor"]) {
    expect([text, codeOf(() => parsePickle(textBytes(`F${text}\n.`)))]).toEqual([text, "CORRUPT_FILE"]);
  }
  expect(parsePickle(textBytes("F-1.5e-3\n."))).toBe(-0.0015);
  expect(parsePickle(textBytes("Finf\n."))).toBe(Number.POSITIVE_INFINITY);
  expect(parsePickle(textBytes("c__builtin__\nint\n(F1.5\ntR."))).toBe(1);
  expect(parsePickle(textBytes("c__builtin__\nint\n(F-2.0\ntR."))).toBe(-2);
});
