import { describe, expect, test } from "vitest";
import { NnprepError } from "../../../src/core/errors.js";
import { type PyDict, PyTuple, type PyValue } from "../../../src/core/python.js";
import { parseJsonDict, parseOrderedJson } from "../../../src/io/ordered-json.js";
import { formatPickle, parsePickle } from "../../../src/io/pickle.js";
import { formatPythonJson, type PythonJson } from "../../../src/io/python-json.js";
import {
  formatDatasetJson,
  makeDatasetDocument,
  parseDatasetJson,
} from "../../../src/recipes/v2/documents/dataset-json.js";
import { formatFingerprint, parseFingerprint } from "../../../src/recipes/v2/documents/fingerprint.js";
import { describeLabelGap, type Labels, type Region, readLabels } from "../../../src/recipes/v2/documents/labels.js";
import { formatPlans, getConfiguration, parsePlans } from "../../../src/recipes/v2/documents/plans.js";
import { propertiesFromPython, propertiesToPython } from "../../../src/recipes/v2/documents/properties.js";
import {
  describeSplitDifference,
  formatSplits,
  makeSplits,
  parseSplits,
  selectSplit,
} from "../../../src/recipes/v2/documents/splits.js";
import labelFixture from "../../golden/v2-documents/labels.json" with { type: "json" };
import oldPlansText from "../../golden/v2-documents/old-plans.json?raw";
import pickles from "../../golden/v2-documents/properties.json" with { type: "json" };
import splitFixture from "../../golden/v2-documents/splits.json" with { type: "json" };
import pythonText from "../../golden/v2-documents/text.json" with { type: "json" };

function message(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof NnprepError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "no error";
}

function dict(value: unknown) {
  return parseJsonDict(JSON.stringify(value));
}

test.each([
  ["9007199254740993", 'labels: "x" is 9007199254740993; expected a whole number up to 2^53'],
  ["[1, 9007199254740993]", 'labels: "x" is 9007199254740993; expected a whole number up to 2^53'],
  ['{"a": 1}', 'labels: "x" is an object of 1 entries; expected a whole number'],
])("a label that is %s is named", (label, expected) => {
  expect(message(() => readLabels(parseJsonDict(`{"background": 0, "x": ${label}}`), undefined))).toContain(expected);
});

test("a label may have any name", () => {
  expect(readLabels(parseJsonDict('{"background": 0, "__proto__": 1, "constructor": 2}'), undefined).all).toEqual([
    0, 1, 2,
  ]);
});

describe("JSON in Python's way", () => {
  test("text survives the way through", () => {
    expect(formatPythonJson(parseOrderedJson(pythonText.text), { indent: 4 })).toBe(pythonText.text);
  });

  test.each([
    ["", "a value is expected at line 1"],
    ['{"a": 1,\n}', "a key in quotes is expected at line 2"],
    ['{"a" 1}', '":" is expected after the key "a"'],
    ["[1 2]", '"," or "]" is expected'],
    ['{"a": 1', '"," or "}" is expected'],
    ["[1] x", "more text after the end"],
    ['["\\x"]', "a text with a broken escape"],
    ["[01]", '"," or "]" is expected'],
    ["[".repeat(600), "more than 500 levels"],
  ])("%j is refused", (text, expected) => {
    expect(message(() => parseOrderedJson(text))).toContain(`CORRUPT_FILE not valid JSON: ${expected}`);
  });

  test("a document is an object", () => {
    expect(message(() => parseJsonDict("[]"))).toMatch(/not a JSON object/);
  });
});

describe("labels", () => {
  interface Entry extends Partial<Omit<Labels, "regions">> {
    readonly labels: Record<string, unknown>;
    readonly order: number[] | null;
    readonly refused?: string;
    readonly regions?: Region[] | null;
    readonly consecutive?: boolean;
  }
  const entries = labelFixture.entries as unknown as Entry[];
  const read = ({ labels, order }: Entry) => readLabels(dict(labels), order ?? undefined);

  test.each(entries.filter((e) => e.refused === undefined).map((e) => [JSON.stringify(e.labels), e] as const))(
    "as LabelManager: %s",
    (_, entry) => {
      const { regionsClassOrder, entries: count, ...found } = read(entry);
      const { all, foreground, regions, ignore, heads } = entry;
      expect(found).toEqual({ all, foreground, regions, ignore, heads });
      expect(regionsClassOrder).toEqual(regions === null ? null : entry.order);
      expect(count).toBe(Object.keys(entry.labels).length);
      expect(describeLabelGap(read(entry)) === null).toBe(entry.consecutive);
    },
  );

  test.each(entries.filter((e) => e.refused !== undefined).map((e) => [JSON.stringify(e.labels), e] as const))(
    "refused as by LabelManager: %s",
    (_, entry) => {
      expect(message(() => read(entry))).toMatch(/^INVALID_DATASET (labels|regions_class_order)/);
    },
  );

  test("messages say what to do", () => {
    const found = (labels: unknown, order?: number[]) => message(() => readLabels(dict(labels), order));
    expect(found({ back: 0, a: 1 })).toContain(
      'no "background" found; expected "background": 0 (rename "back", which is 0)',
    );
    expect(found({ background: 0, a: 1, b: 3, ignore: 2 })).toContain(
      "must be the highest label, one above all others: expected 4",
    );
    expect(found({ background: 0, a: [1, 2], b: 2 })).toContain(
      "regions_class_order is missing; expected a list of 2 labels",
    );
    expect(found({ background: 0, a: 1.5 })).toContain('labels: "a" is');
    expect(describeLabelGap(readLabels(dict({ background: 0, a: 1, b: 4 })))).toBe(
      "labels: 0, 1, 4 found; expected consecutive labels from 0 on, but 2 is missing",
    );
  });
});

describe("dataset.json", () => {
  const text = `{
    "channel_names": {"1": "T2", "0": "ct"},
    "labels": {"background": 0, "whole": [1, 2], "core": 2},
    "numTraining": 2,
    "file_ending": ".nii.gz",
    "regions_class_order": [1, 2],
    "overwrite_image_reader_writer": "None",
    "dataset": {"20": {"images": ["$DATA/a.nii.gz", "b.nii.gz"], "label": "c.nii.gz"}, "3": {"images": ["d", "e"], "label": "f"}},
    "licence": "mine"
  }`;

  test("keeps the order of the file", () => {
    const dataset = parseDatasetJson(text);
    expect(dataset.channels).toEqual(["T2", "ct"]);
    expect([...(dataset.cases ?? []).keys()]).toEqual(["20", "3"]);
    expect(dataset.labelNames).toEqual(
      new Map<string, Region>([
        ["background", 0],
        ["whole", [1, 2]],
        ["core", 2],
      ]),
    );
    expect([dataset.readerName, dataset.fileEnding, dataset.numTraining]).toEqual([undefined, ".nii.gz", 2]);
    expect(parseOrderedJson(formatDatasetJson(dataset.document))).toEqual(parseOrderedJson(text));
  });

  const good = { channel_names: { "0": "CT" }, labels: { background: 0, a: 1 }, numTraining: 5, file_ending: ".png" };
  const refused = (change: object) => message(() => parseDatasetJson(JSON.stringify({ ...good, ...change }), "d.json"));

  test("modality stands for channel_names", () => {
    const { channel_names, ...rest } = good;
    expect(parseDatasetJson(JSON.stringify({ ...rest, modality: channel_names })).channels).toEqual(["CT"]);
  });

  test("one of nnU-Net v1 is recognised", () => {
    const v1 = { modality: { "0": "CT" }, labels: { "0": "background", "1": "a" }, training: [] };
    const found = message(() => parseDatasetJson(JSON.stringify(v1), "d.json"));
    expect(found).toMatch(/^INVALID_DATASET d.json: this is a dataset.json of nnU-Net v1 .*Use -t .*convert --from-v1/);
  });

  test("all that is wrong is one error", () => {
    const found = refused({ numTraining: "5", file_ending: "png", labels: { background: 1, a: 0 } });
    expect(found).toContain('labels: "background" is 1; expected 0; numTraining: expected a whole number, found "5"; ');
    expect(found).toContain("file_ending: expected an ending with its dot");
    expect(refused({ file_ending: undefined, labels: undefined })).toContain("labels, file_ending missing");
    expect(refused({ channel_names: {} })).toContain("channel_names: expected at least one channel");
    expect(refused({ dataset: { a: { images: [], label: "x" } } })).toContain(
      'dataset["a"].images: expected one file per channel',
    );
    expect(message(() => parseDatasetJson("{", "d.json"))).toMatch(/^INVALID_DATASET d.json: not valid JSON/);
  });

  test("made anew, in nnU-Net's order", () => {
    const document = makeDatasetDocument({
      channels: ["CT", "PET"],
      labels: new Map<string, Region>([
        ["background", 0],
        ["a", [1, 2]],
        ["b", 2],
      ]),
      numTraining: 3,
      fileEnding: ".nii.gz",
      regionsClassOrder: [1, 2],
      more: new Map<string, PythonJson>([["name", "x"]]),
    });
    expect([...document.keys()]).toEqual([
      "channel_names",
      "labels",
      "numTraining",
      "file_ending",
      "name",
      "regions_class_order",
    ]);
    expect(parseDatasetJson(formatDatasetJson(document)).labels.heads).toBe(2);
  });
});

describe("plans", () => {
  const old = parseJsonDict(oldPlansText);
  const text = formatPlans(old.get("plans") as never);
  interface Resolved {
    batch_size: number;
    spacing: number[];
    architecture: { network_class_name: string; arch_kwargs: Record<string, unknown> };
  }
  const { resolved } = JSON.parse(oldPlansText) as { resolved: Record<string, Resolved> };

  test.each(Object.entries(resolved))("of nnU-Net 2.0 to 2.3: %s", (name, expected) => {
    const plans = parsePlans(text);
    const { architecture, ...configuration } = getConfiguration(plans, name);
    const { network_class_name, arch_kwargs } = expected.architecture;
    expect(configuration).toMatchObject({
      batchSize: expected.batch_size,
      spacingMm: expected.spacing,
      batchDice: false,
    });
    expect(architecture).toEqual({
      className: network_class_name,
      stages: arch_kwargs.n_stages,
      featuresPerStage: arch_kwargs.features_per_stage,
      strides: arch_kwargs.strides,
      kernelSizes: arch_kwargs.kernel_sizes,
      blocksPerStage: arch_kwargs.n_conv_per_stage ?? arch_kwargs.n_blocks_per_stage,
      convolutionsPerDecoderStage: arch_kwargs.n_conv_per_stage_decoder,
      residual: "n_blocks_per_stage" in arch_kwargs,
    });
    expect(plans.intensities[0]?.std).toBe(61);
    expect(formatPlans(plans.document)).toBe(text);
  });

  /** The plans with another value at a path. */
  function changed(value: unknown, ...path: string[]): string {
    const plans = JSON.parse(text) as Record<string, unknown>;
    const last = path.pop() as string;
    const at = path.reduce<Record<string, unknown>>((object, key) => object[key] as Record<string, unknown>, plans);
    at[last] = value;
    return message(() => parsePlans(JSON.stringify(plans), "p.json"));
  }
  const full = ["configurations", "3d_fullres"] as const;
  const intensities = "foreground_intensity_properties_by_modality";

  test("what is wrong is named", () => {
    expect(changed(undefined, "configurations")).toMatch(/^INVALID_PLANS p.json: no "configurations" found/);
    expect(changed("nowhere", ...full, "inherits_from")).toContain(
      'no configuration "nowhere", which "3d_fullres" inherits from',
    );
    expect(changed("again", ...full, "inherits_from")).toContain(
      "a circle (3d_fullres from again from residual from 3d_fullres)",
    );
    expect(changed(undefined, ...full, "patch_size")).toContain(
      'configurations["3d_fullres"].patch_size: expected a list, found nothing',
    );
    expect(changed("../evil", ...full, "data_identifier")).toContain("data_identifier: expected a name without");
    expect(changed([5, 0, 1], ...full, "spacing")).toContain("(5, 0, 1) mm found");
    expect(changed([5, 1, 1e9], ...full, "spacing")).toContain("(5, 1, 1000000000) mm found");
    expect(changed([0, 1, 1], "transpose_forward")).toContain("transpose_forward: expected a permutation of 0, 1, 2");
    expect(changed([1, 0, 2], "transpose_forward")).toContain(
      "transpose_backward: expected the permutation that undoes (1, 0, 2)",
    );
    expect(changed([true, true], ...full, "use_mask_for_norm")).toContain("use_mask_for_norm: expected 1 entries");
  });

  test("a CT channel needs sound statistics", () => {
    const ct = (change: object | null) => {
      const plans = JSON.parse(text) as Record<string, Record<string, Record<string, unknown>>>;
      plans.configurations["3d_fullres"].normalization_schemes = ["CTNormalization"];
      if (change === null) plans[intensities] = {};
      else Object.assign(plans[intensities]?.["0"] as object, change);
      return message(() => parsePlans(formatPythonJson(parseOrderedJson(JSON.stringify(plans)))));
    };
    expect(ct({})).toBe("no error");
    expect(ct(null)).toContain('["0"] is missing, but configuration "3d_fullres" normalises channel 0 as CT');
    expect(ct({ std: 0 })).toContain("std 0");
    expect(ct({ percentile_00_5: 400 })).toContain("percentile_00_5 (400) is above percentile_99_5 (360)");
    expect(message(() => parsePlans(text.replace('"std": 61.0', '"std": NaN')))).toBe("no error");
  });

  test("what only somebody's own nnU-Net has makes one configuration unusable, not all", () => {
    const plans = JSON.parse(text) as { configurations: Record<string, Record<string, unknown>> };
    plans.configurations.mine = { inherits_from: "3d_fullres", resampling_fn_data: "my_resampling" };
    const read = parsePlans(JSON.stringify(plans));
    expect([...read.configurations.keys()]).toEqual(["3d_fullres", "residual", "again"]);
    expect(message(() => getConfiguration(read, "mine"))).toMatch(/^UNSUPPORTED .*my_resampling is not known here/);
    expect(message(() => getConfiguration(read, "2d"))).toContain("it has 3d_fullres, residual, again");
  });
});

test("fingerprint: whole spacings stay whole", () => {
  const statistics = { max: 1.5, mean: 1, median: 1, min: 0, percentile_00_5: 0, percentile_99_5: 1, std: 0.5 };
  const text = formatFingerprint({
    spacings: [
      [999, 1, 1],
      [3, 0.5, 1],
    ],
    wholeSpacings: [[true, true, true], undefined],
    shapesAfterCrop: [
      [1, 5, 6],
      [4, 5, 6],
    ],
    intensities: Array.from({ length: 11 }, () => ({
      max: 1.5,
      mean: 1,
      median: 1,
      min: 0,
      percentile005: 0,
      percentile995: 1,
      std: 0.5,
    })),
    medianRelativeSizeAfterCropping: 1,
  });
  expect(text).toContain(
    '"spacings": [\n        [\n            999,\n            1,\n            1\n        ],\n        [\n            3.0,',
  );
  expect(Object.values(JSON.parse(text).foreground_intensity_properties_per_channel)[10]).toEqual(statistics);
  expect(formatFingerprint(parseFingerprint(text))).toBe(text);
  const missing = text.replace('"std": 0.5', '"sd": 0.5');
  expect(message(() => parseFingerprint(missing, "f.json"))).toMatch(
    /^INVALID_DATASET f.json: foreground_intensity_properties_per_channel\["0"\].std: expected a number, found nothing/,
  );
});

describe("splits", () => {
  test.each(splitFixture.entries.map((entry) => [entry.identifiers.length, entry] as const))(
    "of %i cases",
    (_, entry) => {
      const splits = makeSplits([...entry.identifiers].reverse());
      expect(formatSplits(splits)).toBe(entry.text);
      expect(parseSplits(entry.text)).toEqual(splits);
      expect(selectSplit(splits, 3, entry.identifiers)).toBe(splits[3]);
      expect(selectSplit(splits, 5, entry.identifiers)).toEqual(entry.fold5);
      expect(selectSplit(splits, 7, entry.identifiers)).toEqual(entry.fold7);
    },
  );

  test("too few cases, and folds that differ", () => {
    expect(message(() => makeSplits(["a", "b", "c", "d"]))).toMatch(
      /^INVALID_DATASET 4 cases found; expected at least 5/,
    );
    const splits = makeSplits(["a", "b", "c", "d", "e", "f"]);
    expect(describeSplitDifference(splits.slice(0, 2), splits)).toBeNull();
    expect(describeSplitDifference([...splits].reverse(), splits)).toMatch(/^fold 0 of the raw dataset/);
  });
});

describe("properties", () => {
  const entries = pickles.entries.map((entry) => ({
    ...entry,
    bytes: Uint8Array.from(atob(entry.base64), (c) => c.charCodeAt(0)),
    // Every case has its own keys.
    value: entry.value as unknown as Record<string, never>,
  }));

  /** As the oracle turns values into JSON. */
  function plain(value: PyValue | undefined): unknown {
    if (typeof value !== "object" || value === null) return typeof value === "bigint" ? Number(value) : value;
    if ("entries" in value && !Array.isArray(value)) {
      const name = (key: PyValue) =>
        key instanceof PyTuple ? `(${key.items.join(", ")}${key.items.length === 1 ? "," : ""})` : String(key);
      return Object.fromEntries((value as PyDict).entries.map(([key, item]) => [name(key), plain(item)]));
    }
    if ("items" in value) return value.items.map(plain);
    if ("data" in value) {
      const flat = Array.from(value.data as ArrayLike<number | bigint>, Number);
      const [rows, columns] = value.shape;
      if (rows === undefined) return flat[0];
      return columns === undefined
        ? flat
        : Array.from({ length: rows }, (_, i) => flat.slice(i * columns, (i + 1) * columns));
    }
    return Array.isArray(value) ? value.map(plain) : (value as { value: number }).value;
  }

  test.each(entries.map((entry) => [entry.title, entry] as const))("as nnU-Net pickles them: %s", (_, entry) => {
    const properties = propertiesFromPython(parsePickle(entry.bytes));
    expect((properties.classLocations ?? []).map(({ region }) => region)).toEqual(entry.regions);
    const written = propertiesToPython(properties);
    expect(written.entries.map(([key]) => key)).toEqual(entry.keys);
    expect(plain(written)).toEqual(entry.value);
    expect(propertiesFromPython(parsePickle(formatPickle(written)))).toEqual(properties);
  });

  test("something else is refused", () => {
    expect(message(() => propertiesFromPython([]))).toMatch(/^CORRUPT_FILE properties: a pickled dict is expected/);
    const v1 = parsePickle(entries[0].bytes) as PyDict;
    const without = v1.entries.filter(([key]) => key !== "bbox_used_for_cropping");
    v1.entries.splice(0, v1.entries.length, ...without, ["itk_spacing", 1]);
    expect(message(() => propertiesFromPython(v1))).toContain(
      'key "bbox_used_for_cropping" is missing. This looks like the .pkl of a case of nnU-Net v1',
    );
  });
});
