import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { NnprepError } from "../../../../src/core/errors.js";
import type { Box3, Shape3, Vec3 } from "../../../../src/core/volume.js";
import { parseNifti } from "../../../../src/io/nifti.js";
import { readNpzFloats, writeNpz } from "../../../../src/io/npz.js";
import { formatPickle, parsePickle } from "../../../../src/io/pickle.js";
import {
  type CaseProperties,
  propertiesFromPython,
  propertiesToPython,
} from "../../../../src/recipes/v1/documents/properties.js";
import { ensembleDataset } from "../../../../src/recipes/v1/stages/ensemble.js";
import { exportDataset } from "../../../../src/recipes/v1/stages/export.js";
import { LocalExecutor } from "../../../../src/runner/local-executor.js";
import { MemoryStore } from "../../../../src/runner/memory-store.js";
import { init } from "../../../../src/runtime/instantiate.js";
import cases from "../../../golden/export/cases.json";
import ensembles from "../../../golden/export/ensembles.json";
import { countDifferences, decode, type GoldenArray } from "../../../golden.js";

beforeAll(() => init());

interface Grid {
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly box: readonly (readonly number[])[];
  readonly spacing: readonly number[];
  readonly target: readonly number[];
  readonly regions: readonly number[] | null;
}

function propertiesOf(grid: Grid): CaseProperties {
  const [z, y, x] = grid.spacing as Vec3;
  return {
    original_size_of_raw_data: grid.before as unknown as Shape3,
    original_spacing: [z, y, x],
    list_of_data_files: ["scan.nii.gz"],
    seg_file: null,
    itk_origin: [-3.25, 4.5, 1.125],
    itk_spacing: [x, y, z],
    itk_direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    crop_bbox: grid.box as unknown as Box3,
    size_after_cropping: grid.after as unknown as Shape3,
    spacing_after_resampling: grid.target as unknown as Vec3,
    ...(grid.regions === null ? {} : { regions_class_order: grid.regions }),
  };
}

async function put(store: MemoryStore, identifier: string, golden: GoldenArray, grid: Grid | null): Promise<void> {
  const data = decode<Float32Array | Uint16Array>(golden);
  const softmax = { chunks: [data], shape: golden.shape, float16: data instanceof Uint16Array };
  await store.write(`${identifier}.npz`, await writeNpz({ softmax }, { compression: "fast" }));
  if (grid !== null) {
    await store.write(`${identifier}.pkl`, formatPickle(propertiesToPython(propertiesOf(grid))));
  }
}

const picked = [...cases.keys()].filter((i) => /float16|regions|crop|separate axis \d$/.test(cases[i]?.name ?? ""));
let input: MemoryStore;
let output: MemoryStore;
beforeEach(() => {
  input = new MemoryStore();
  output = new MemoryStore();
});

describe("a folder of probabilities", () => {
  test("becomes nnU-Net's segmentations, float16 and float32", async () => {
    for (const i of picked) await put(input, `case${i}`, cases[i].probabilities, cases[i]);
    const seen: number[] = [];
    const options = { onProgress: ({ done }: { done: number }) => seen.push(done) };
    const outcomes = await exportDataset(new LocalExecutor({ input, output }), { input, output }, options);
    expect(outcomes.filter((outcome) => !outcome.ok)).toEqual([]);
    expect(seen).toEqual(Array.from({ length: picked.length + 1 }, (_, i) => i));
    for (const i of picked) {
      const { data, geometry } = await parseNifti(await output.read(`case${i}.nii.gz`));
      expect([i, countDifferences(data, decode(cases[i].expected))]).toEqual([i, 0]);
      expect(geometry.spacingMm).toEqual(cases[i].spacing);
      expect(geometry.originMm).toEqual([-3.25, 4.5, 1.125]);
    }
  });

  test("keeps its probabilities on the scan's voxels", async () => {
    const golden = cases.find(({ name }) => name === "regions, float32")!;
    await put(input, "a", golden.probabilities, { ...golden, regions: null });
    const executor = new LocalExecutor({ input, output });
    await exportDataset(executor, { input, output }, { saveProbabilities: true, regions: [1, 2, 3] });
    const { precision, shape, data } = await readNpzFloats(await output.read("a.npz"), "softmax");
    expect([precision, ...shape]).toEqual(["float16", 3, ...golden.after]);
    expect(propertiesFromPython(parsePickle(await output.read("a.pkl"))).regions_class_order).toEqual([1, 2, 3]);
    const again = new MemoryStore();
    const stores = { input: output, output: again };
    await exportDataset(new LocalExecutor(stores), stores);
    const labels = (await parseNifti(await again.read("a.nii.gz"))).data;
    const expected = decode<Uint8Array>(golden.expected);
    // Rounding to float16 moves values just above 0.5 onto it, and no others.
    const half = (c: number, i: number) => data[c * labels.length + i] === 0x3800;
    expect(expected.every((label, i) => label === labels[i] || half(label - 1, i))).toBe(true);
  });

  test("bad cases are named and leave nothing behind; the others go on", async () => {
    const golden = cases[0];
    await put(input, "good", golden.probabilities, golden);
    await put(input, "no-pkl", golden.probabilities, null);
    await put(input, "other-shape", golden.probabilities, { ...golden, before: [2, 2, 2] });
    await put(input, "not-softmax", golden.probabilities, golden);
    await input.write(
      "not-softmax.npz",
      await writeNpz({ data: { chunks: [new Float32Array(8)], shape: [8] } }, { compression: "none" }),
    );
    await put(input, "three-axes", golden.probabilities, golden);
    await input.write(
      "three-axes.npz",
      await writeNpz({ softmax: { chunks: [new Float32Array(8)], shape: [2, 2, 2] } }, { compression: "none" }),
    );
    await put(input, "cut-off", golden.probabilities, golden);
    await input.write("cut-off.npz", (await input.read("good.npz")).slice(0, 3000));
    await put(input, "integers", golden.probabilities, golden);
    await input.write(
      "integers.npz",
      await writeNpz({ softmax: { chunks: [new Int16Array(16)], shape: [2, 2, 2, 2] } }, { compression: "none" }),
    );
    await put(input, "doubles", golden.probabilities, golden);
    const doubles = {
      chunks: [Float64Array.from(decode<Float32Array>(golden.probabilities))],
      shape: golden.probabilities.shape,
    };
    await input.write("doubles.npz", await writeNpz({ softmax: doubles }, { compression: "fast" }));
    const outcomes = await exportDataset(new LocalExecutor({ input, output }), { input, output });
    const said = outcomes.map((o) => [
      o.identifier,
      o.ok ? "" : `${(o.error as NnprepError).code}: ${o.error.message}`,
    ]);
    expect(Object.fromEntries(said)).toEqual({
      good: "",
      "no-pkl": expect.stringMatching(/FILE_NOT_FOUND: .*no-pkl\.pkl/),
      "other-shape": expect.stringMatching(/SHAPE_MISMATCH: .*other-shape\.npz: .*does not lie in a scan/),
      "not-softmax": expect.stringMatching(/CORRUPT_FILE: .*not-softmax\.npz: no array "softmax" .*found: data/),
      "three-axes": expect.stringMatching(/CORRUPT_FILE: .*three-axes\.npz: .*\(2, 2, 2\)/),
      "cut-off": expect.stringMatching(/CORRUPT_FILE: .*cut-off\.npz/),
      doubles: expect.stringMatching(/UNSUPPORTED: .*doubles\.npz: .*float64.*astype\(np\.float32\)/),
      integers: expect.stringMatching(/UNSUPPORTED: .*integers\.npz: .*<i2/),
    });
    expect(await output.list()).toEqual(["good.nii.gz"]);
  });

  test("an empty folder is refused", async () => {
    await expect(exportDataset(new LocalExecutor({ input, output }), { input, output })).rejects.toThrow(
      /no \.npz files/,
    );
  });
});

describe("an ensemble", () => {
  const golden = ensembles.filter(({ expected }) => expected !== null);
  const grid: Grid = {
    before: [8, 9, 9],
    after: [5, 6, 7],
    box: [
      [1, 6],
      [2, 8],
      [0, 7],
    ],
    spacing: [1, 1, 1],
    target: [1, 1, 1],
    regions: null,
  };

  async function membersOf(count: number): Promise<Record<string, MemoryStore> & { output: MemoryStore }> {
    const stores = Array.from({ length: count }, (_, i) => [`member ${i}`, new MemoryStore()] as const);
    return { ...Object.fromEntries(stores), output };
  }

  test.each([...golden.keys()])("is nnU-Net's merge_files, number %i", async (i) => {
    const { members, mean, expected } = golden[i];
    const stores = await membersOf(members.length);
    for (const [m, member] of members.entries()) await put(stores[`member ${m}`], "a", member, grid);
    const options = { export: true, saveProbabilities: true };
    const [outcome] = await ensembleDataset(new LocalExecutor(stores), stores, options);
    expect(outcome).toMatchObject({ ok: true, value: { members: members.length, classes: 4 } });
    const saved = await readNpzFloats(await output.read("a.npz"), "softmax");
    expect(countDifferences(saved.data, decode<Uint16Array>(mean))).toBe(0);
    const { data } = await parseNifti(await output.read("a.nii.gz"));
    expect(countDifferences(data, decode(expected!))).toBe(0);
  });

  test("averages or exports, as asked", async () => {
    const stores = await membersOf(2);
    const [a, b] = golden[0].members as [GoldenArray, GoldenArray];
    await put(stores["member 0"], "a", a, grid);
    await put(stores["member 1"], "a", b, grid);
    await ensembleDataset(new LocalExecutor(stores), stores);
    expect(await output.list()).toEqual(["a.npz", "a.pkl"]);
    const other = { ...stores, output: new MemoryStore() };
    await ensembleDataset(new LocalExecutor(other), other, { export: true });
    expect(await other.output.list()).toEqual(["a.nii.gz"]);
  });

  test("members that disagree are named; the other cases go on", async () => {
    const stores = await membersOf(2);
    const [a, b] = golden[0].members as [GoldenArray, GoldenArray];
    const [first, second] = [stores["member 0"], stores["member 1"]];
    for (const id of ["good", "missing", "other-box", "other-regions", "other-classes"]) await put(first, id, a, grid);
    await put(second, "good", b, grid);
    await put(second, "other-box", b, { ...grid, box: [[0, 5], ...grid.box.slice(1)] });
    await put(second, "other-regions", b, { ...grid, regions: [1, 2, 3, 4] });
    await put(second, "other-classes", { ...b, shape: [3, 5, 6, 7], base64: shorten(b, 3) }, grid);
    await put(second, "only-second", b, grid);
    const outcomes = await ensembleDataset(new LocalExecutor(stores), stores);
    const said = outcomes.map((o) => [
      o.identifier,
      o.ok ? "" : `${(o.error as NnprepError).code}: ${o.error.message}`,
    ]);
    expect(Object.fromEntries(said)).toEqual({
      good: "",
      missing: expect.stringMatching(/FILE_NOT_FOUND: .*missing\.pkl/),
      "only-second": expect.stringMatching(/FILE_NOT_FOUND: .*only-second\.pkl/),
      "other-box": expect.stringMatching(/GEOMETRY_MISMATCH: .*"crop_bbox" is \[\[0,5\]/),
      "other-regions": expect.stringMatching(/GEOMETRY_MISMATCH: .*"regions_class_order" is \[1,2,3,4\]/),
      "other-classes": expect.stringMatching(/SHAPE_MISMATCH: .*member 2 .*\(3, 5, 6, 7\)/),
    });
    expect(await output.list()).toEqual(["good.npz", "good.pkl"]);
  });

  test("needs two members", async () => {
    const stores = await membersOf(1);
    await expect(ensembleDataset(new LocalExecutor(stores), stores)).rejects.toBeInstanceOf(NnprepError);
  });
});

/** The first `classes` classes of an array of four. */
function shorten(array: GoldenArray, classes: number): string {
  const data = decode<Uint16Array>(array);
  const bytes = new Uint8Array(data.buffer, 0, (data.byteLength / 4) * classes);
  return btoa(String.fromCharCode(...bytes));
}
