import { beforeAll, describe, expect, test } from "vitest";
import { NdArray } from "../../../src/core/python.js";
import type { Axes3, Box3, Shape3, Vec3 } from "../../../src/core/volume.js";
import { peekB2nd, readB2nd } from "../../../src/io/blosc2/read.js";
import { writeB2nd } from "../../../src/io/blosc2/write.js";
import { readNpzArray, writeNpz } from "../../../src/io/npz.js";
import { parseJsonDict } from "../../../src/io/ordered-json.js";
import { formatPickle } from "../../../src/io/pickle.js";
import { predictNextStage } from "../../../src/recipes/v2/cascade.js";
import type { Configuration } from "../../../src/recipes/v2/documents/configuration.js";
import { readLabels } from "../../../src/recipes/v2/documents/labels.js";
import type { Plans } from "../../../src/recipes/v2/documents/plans.js";
import { propertiesToPython } from "../../../src/recipes/v2/documents/properties.js";
import type { ExportProperties, ExportSettings } from "../../../src/recipes/v2/export.js";
import { cascadeFolder } from "../../../src/recipes/v2/stages/cascade.js";
import type { ModelDocuments } from "../../../src/recipes/v2/stages/model-files.js";
import { LocalExecutor } from "../../../src/runner/local-executor.js";
import { MemoryStore } from "../../../src/runner/memory-store.js";
import { init } from "../../../src/runtime/instantiate.js";
import type { ProbabilityArray } from "../../../src/steps/probabilities.js";
import goldens from "../../golden/v2-export/next-stage.json";
import { countDifferences, decode, type GoldenArray } from "../../golden.js";

beforeAll(() => init());

interface Golden {
  readonly name: string;
  readonly logits: GoldenArray;
  readonly shape: number[];
  readonly spacing: number[];
  readonly target: number[];
  readonly forward: number[];
  readonly before: number[];
  readonly low: number[];
  readonly after: number[];
  readonly labels: Record<string, unknown>;
  readonly order: number[] | null;
  readonly kwargs: { readonly force_separate_z: boolean | null };
  readonly function: string;
  readonly patch: number[];
  readonly expected: GoldenArray;
  /** Chunk and block shape of the b2nd file; null for npz. */
  readonly cut: [number[], number[]] | null;
}

const all = goldens as unknown as Golden[];

function logitsOf({ logits }: Golden): ProbabilityArray {
  const [classes, a0, a1, a2] = logits.shape as [number, number, number, number];
  return { classes, shape: [a0, a1, a2], data: decode<Float32Array | Uint16Array>(logits) };
}

function propertiesOf({ spacing, before, low, after }: Golden): ExportProperties {
  return {
    spacingMm: spacing as unknown as Vec3,
    shapeBeforeCropping: before as unknown as Shape3,
    bbox: low.map((from, axis) => [from, from + after[axis]]) as unknown as Box3,
    shapeAfterCropping: after as unknown as Shape3,
  };
}

function settingsOf(golden: Golden): ExportSettings {
  const grid = { forceSeparateZ: golden.kwargs.force_separate_z, separateZThreshold: 3, isSeg: false };
  return {
    plans: { transposeForward: golden.forward as unknown as Axes3 },
    configuration: {
      name: "3d_lowres",
      spacingMm: golden.target,
      resampleProbabilities:
        golden.function === "resample_torch_fornnunet"
          ? { kind: "torch", memoryEfficient: false, ...grid }
          : { kind: "default", order: 1, orderZ: 0, ...grid },
    },
    labels: readLabels(parseJsonDict(JSON.stringify(golden.labels)), golden.order ?? undefined),
  };
}

describe("labels for the next stage are resample_and_save's", () => {
  test.each(all)("$name", async (golden) => {
    const shape = golden.shape as unknown as Shape3;
    const { labels, warnings } = await predictNextStage(
      logitsOf(golden),
      propertiesOf(golden),
      shape,
      settingsOf(golden),
    );
    expect(labels.BYTES_PER_ELEMENT).toBe(golden.expected.dtype === "uint8" ? 1 : 2);
    expect(countDifferences(labels, decode(golden.expected))).toBe(0);
    expect(warnings).toEqual([]);
  });
});

/** A folder of logits, and of the cases preprocessed for the next stage. */
async function open(golden: Golden, identifiers: readonly string[]) {
  const [input, nextStage, output] = ["logits", "next", "out"].map((name) => new MemoryStore([], name)) as [
    MemoryStore,
    MemoryStore,
    MemoryStore,
  ];
  const { data } = logitsOf(golden);
  const logits = { chunks: [data], shape: golden.logits.shape, float16: data instanceof Uint16Array };
  const image = new NdArray(new Float32Array(golden.shape.reduce((a, b) => a * b, 1)), [1, ...golden.shape]);
  for (const identifier of identifiers) {
    await input.write(`${identifier}.npz`, await writeNpz({ logits }, { compression: "fast" }));
    if (golden.cut === null)
      await nextStage.write(`${identifier}.npz`, await writeNpz({ data: image }, { compression: "fast" }));
    else await nextStage.write(`${identifier}.b2nd`, await writeB2nd(image, { patchSize: [8, 8, 8] }));
    const properties = {
      ...propertiesOf(golden),
      sitk: { spacing: [1, 1, 1], origin: [0, 0, 0], direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] },
    } as const;
    await nextStage.write(`${identifier}.pkl`, formatPickle(propertiesToPython(properties)));
  }
  const { plans, configuration, labels } = settingsOf(golden);
  const lowres = {
    ...configuration,
    patchSize: golden.patch.slice(0, golden.target.length),
  } as unknown as Configuration;
  const documents = {
    plans: { ...plans, configurations: new Map([["3d_lowres", lowres]]), unsupported: new Map() } as unknown as Plans,
    dataset: { labels } as ModelDocuments["dataset"],
  };
  const stores = { input, nextStage, output };
  return { ...stores, run: () => cascadeFolder(new LocalExecutor(stores), stores, documents, "3d_lowres") };
}

describe("files of predicted_next_stage", () => {
  test.each(all.filter(({ cut }) => cut !== null))("b2nd: $name", async (golden) => {
    const { output, run } = await open(golden, ["a"]);
    await output.write("a.npz", new Uint8Array(3));
    expect(await run()).toMatchObject([{ identifier: "a", ok: true, value: { format: "b2nd", shape: golden.shape } }]);
    expect(await output.list()).toEqual(["a.b2nd"]);
    const bytes = await output.read("a.b2nd");
    const { chunkShape, blockShape, shape } = peekB2nd(bytes);
    expect([shape, [chunkShape, blockShape]]).toEqual([golden.expected.shape, golden.cut]);
    const { data } = await readB2nd(bytes);
    expect(data.constructor.name.toLowerCase()).toBe(`${golden.expected.dtype}array`);
    expect(countDifferences(data as Uint8Array, decode(golden.expected))).toBe(0);
  });

  test("npz, where the next stage's cases are", async () => {
    const golden = all.find(({ cut }) => cut === null) as Golden;
    const { output, run } = await open(golden, ["a", "b"]);
    expect((await run()).map(({ ok }) => ok)).toEqual([true, true]);
    expect(await output.list()).toEqual(["a.npz", "b.npz"]);
    const { data, shape } = await readNpzArray(await output.read("b.npz"), "seg");
    expect(shape).toEqual(golden.expected.shape);
    expect(countDifferences(data as Uint8Array, decode(golden.expected))).toBe(0);
  });

  test("a case that is not preprocessed, or of another plan, is named; the others go on", async () => {
    const { nextStage, input, output, run } = await open(all[0] as Golden, ["a", "b", "c"]);
    await nextStage.remove("b.b2nd");
    const other = { chunks: [new Float32Array(4 * 8)], shape: [4, 2, 2, 2] };
    await input.write("c.npz", await writeNpz({ logits: other }, { compression: "fast" }));
    const outcomes = await run();
    expect(outcomes.map((outcome) => (outcome.ok ? "" : outcome.error.message))).toEqual([
      "",
      expect.stringMatching(/b\.b2nd: no such file.*preprocess the case for the next stage/),
      expect.stringMatching(
        /c\.npz: logits of shape \(2, 2, 2\) found, but configuration "3d_lowres" makes \(5, 6, 7\)/,
      ),
    ]);
    expect(await output.list()).toEqual(["a.b2nd"]);
  });

  test("a first stage that does not resample cannot be for another grid", async () => {
    const golden = all[0] as Golden;
    const settings = settingsOf(golden);
    const configuration = { ...settings.configuration, resampleProbabilities: { kind: "none" } as const };
    const properties = {
      ...propertiesOf(golden),
      shapeAfterCropping: [5, 6, 7] as const,
      bbox: [
        [0, 5],
        [0, 6],
        [0, 7],
      ] as const,
    };
    const run = (shape: Shape3) =>
      predictNextStage(logitsOf(golden), properties, shape, { ...settings, configuration });
    await expect(run([9, 11, 13])).rejects.toThrow(/does not resample/);
    expect((await run([5, 6, 7])).shape).toEqual([5, 6, 7]);
  });
});
