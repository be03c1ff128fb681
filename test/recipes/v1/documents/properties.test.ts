import { expect, test } from "vitest";
import { PyDict, type PyValue } from "../../../../src/core/python.js";
import { formatPickle, parsePickle } from "../../../../src/io/pickle.js";
import {
  type CaseProperties,
  propertiesFromPython,
  propertiesToPython,
} from "../../../../src/recipes/v1/documents/properties.js";
import { type Described, fromBase64, parseDescribed } from "../../../io/python-values.js";

const fixtures = import.meta.glob("../../../golden/pickle/nnunet.json", { eager: true, import: "default" });
const documents = Object.values(fixtures)[0] as { name: string; base64: string; value: Described }[];
const properties = documents.filter(({ name }) => name.includes("properties") && !name.startsWith("dataset"));

for (const { name, base64, value } of properties) {
  test(`nnU-Net's ${name} come back with the same keys, order and Python types`, () => {
    const parsed = propertiesFromPython(parsePickle(fromBase64(base64)));
    expect(parsePickle(formatPickle(propertiesToPython(parsed)))).toEqual(parseDescribed(value));
  });
}

const first = propertiesFromPython(parsePickle(fromBase64(properties[0].base64)));

test("optional keys are left out when they are not set", () => {
  const { itk_origin, itk_spacing, itk_direction, list_of_data_files, original_size_of_raw_data, original_spacing } =
    first;
  const least: CaseProperties = {
    original_size_of_raw_data,
    original_spacing,
    list_of_data_files,
    seg_file: null,
    itk_origin,
    itk_spacing,
    itk_direction,
  };
  expect(propertiesToPython(least).entries.map(([key]) => key)).toEqual([
    "original_size_of_raw_data",
    "original_spacing",
    "list_of_data_files",
    "seg_file",
    "itk_origin",
    "itk_spacing",
    "itk_direction",
  ]);
  expect(propertiesFromPython(parsePickle(formatPickle(propertiesToPython(least))))).toEqual(least);
});

test("all keys survive, class locations as triples, an empty class as []", () => {
  const all: CaseProperties = {
    ...first,
    use_nonzero_mask_for_norm: [true, false],
    size_after_resampling: [3, 4, 5],
    spacing_after_resampling: [3, 1, 0.5],
    class_locations: new Map([
      [1, Int32Array.of(1, 2, 3, 4, 5, 6)],
      [2, new Int32Array(0)],
    ]),
    regions_class_order: [1, 2],
  };
  expect(propertiesFromPython(parsePickle(formatPickle(propertiesToPython(all))))).toEqual(all);
  const locations = propertiesToPython(all).get("class_locations") as PyDict;
  expect(locations.get(1)).toMatchObject({ shape: [2, 3], data: BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 6n) });
  expect(locations.get(2)).toEqual([]);
});

test("a missing or broken key is named", () => {
  const broken = (key: string, value: PyValue) => {
    const python = propertiesToPython(first);
    return new PyDict(python.entries.map(([k, v]) => [k, k === key ? value : v] as const));
  };
  expect(() => propertiesFromPython(new PyDict([["seg_file", null]]))).toThrow(
    /"original_size_of_raw_data", .* missing/,
  );
  expect(() => propertiesFromPython(broken("itk_origin", "here"))).toThrow(/"itk_origin" is not a sequence of numbers/);
  expect(() => propertiesFromPython(broken("itk_origin", [1, 2]))).toThrow(/"itk_origin" is not three numbers/);
  expect(() => propertiesFromPython(broken("crop_bbox", [[1, 2]]))).toThrow(/three pairs/);
  expect(() => propertiesFromPython(broken("seg_file", 3))).toThrow(/path or None/);
  expect(() => propertiesFromPython([1])).toThrow(/a pickled dict is expected/);
});
