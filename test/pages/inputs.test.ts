import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Vec3, type Volume, writeVolume } from "nnprep";
import { MemoryStore } from "nnprep/dataset";
import { formatPickle, parsePickle, readVolume } from "nnprep/io";
import {
  exportSegmentation,
  loadProbabilities,
  type PlansStage,
  type PlansV1,
  plansFromPython,
  plansToPython,
  stageSettings,
} from "nnprep/v1";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeCt } from "../../examples/phantom.js";
import { saveProbabilities } from "../../src/recipes/v1/stages/probability-files.js";
import { formatSlice, seriesSlices } from "../generated/dicom-files.js";
import goldenPickles from "../golden/pickle/nnunet.json" with { type: "json" };
import {
  drop,
  type ExamplePage,
  expectSameArrays,
  type GivenFile,
  nifti,
  openPage,
  prepareInNode,
  saved,
  setSpacing,
  startExample,
  waitFor,
} from "./example-page.js";

/** What users drop besides NIfTI: plans, MetaImage, DICOM, probabilities. */

/** Pictures are drawn by the processor here: small ones are quick. */
const SMALL = { width: 640, height: 480 };

let example: ExamplePage;

beforeAll(async () => {
  example = await startExample("browser-inputs");
});

afterAll(() => example?.close());

/** Plans that nnU-Net pickled (CT and T1), with axes and spacings of our own. */
function plansFile(
  transposeForward: PlansV1["transpose_forward"],
  ...spacings: readonly Vec3[]
): GivenFile & { plans: PlansV1 } {
  const golden = goldenPickles.find(({ name }) => name === "plans");
  const plans = plansFromPython(parsePickle(Uint8Array.from(Buffer.from(golden?.base64 ?? "", "base64"))));
  const changed: PlansV1 = {
    ...plans,
    transpose_forward: transposeForward,
    num_stages: spacings.length,
    plans_per_stage: spacings.map(
      (current_spacing) => ({ ...plans.plans_per_stage[0], current_spacing }) as PlansStage,
    ),
  };
  return { name: "nnUNetPlansv2.1_plans_3D.pkl", bytes: formatPickle(plansToPython(changed)), plans: changed };
}

/** A CT and an image of other values on its grid, with their label. */
async function twoChannels(): Promise<{ scans: GivenFile[]; label: GivenFile }> {
  const { images, label } = makeCt({ shape: [20, 44, 36], spacingMm: [3, 1.4, 1.2] }, 9);
  const ct = images[0];
  const t1 = { ...ct, data: Int16Array.from(ct.data, (value) => Math.max(0, 400 - Math.abs(value))) };
  return {
    scans: [await nifti("two_0000.nii.gz", ct), await nifti("two_0001.nii.gz", t1)],
    label: await nifti("two.nii.gz", label),
  };
}

test("plans dropped together with a scan, and probabilities taken back", async () => {
  const { page, complaints } = await openPage(example, example.isolated, SMALL);
  const { scans, label } = await twoChannels();
  const plans = plansFile([1, 0, 2], [1.6, 2.4, 1.3]);
  await drop(page, "label", [label]);
  await drop(page, "scan", [...scans, plans]);
  await waitFor(page, "The plans are read.");
  expect(await page.textContent("#scan-name")).toContain("2 channels");
  expect(await page.textContent("#plans-name")).toBe(`${plans.name}: nnU-Net v1`);
  expect(await page.textContent("#choice")).toBe("0: 1.3 × 2.4 × 1.6 mm");
  await page.click("#prepare");
  await waitFor(page, "Prepared.");
  expect(await page.textContent("#problem")).toBe("");
  const expected = await prepareInNode(scans, label, () => stageSettings(plans.plans, 0));
  await expectSameArrays((await saved(page, '[data-output="arrays"]')).bytes, expected);

  // Probabilities of two classes as nnU-Net stores them: float16 (here 0, 1/4, 1/2, 3/4, 1), in the file's axes.
  const [n0, n1, n2] = expected.arrays.shape;
  const quarters = [0x0000, 0x3400, 0x3800, 0x3a00, 0x3c00];
  const second = Uint16Array.from({ length: n0 * n1 * n2 }, (_, i) => Math.abs((i % 9) - 4));
  const classes = [second.map((q) => quarters[4 - q]), second.map((q) => quarters[q])];
  const store = new MemoryStore();
  await saveProbabilities(store, "two", classes, [n1, n0, n2], expected.properties);
  const { segmentation } = await exportSegmentation(await loadProbabilities(store, "two"), expected.properties, {
    transposeForward: [1, 0, 2],
  });
  const archive = { name: "two.npz", bytes: await store.read("two.npz") };
  await drop(page, "segmentation", [archive]);
  await waitFor(page, /back on the scan/);
  const back = await saved(page, "#save-restored");
  expect(back.name).toBe("two_segmentation.nii.gz");
  const found = await readVolume(back.name, back.bytes);
  expect(found.shape).toEqual(segmentation.shape);
  expect(Buffer.from(found.data as Uint8Array).equals(Buffer.from(segmentation.data))).toBe(true);

  // Of another case: the shape does not fit.
  const other = new MemoryStore();
  await saveProbabilities(other, "other", [new Uint16Array(24), new Uint16Array(24)], [2, 3, 4], expected.properties);
  await drop(page, "segmentation", [{ name: "other.npz", bytes: await other.read("other.npz") }]);
  await waitFor(page, /did not work/);
  expect(await page.getByRole("alert").textContent()).toMatch(/other\.npz.*4 × 3 × 2/);

  // Arrays of a prepared case are no probabilities.
  await drop(page, "segmentation", [await saved(page, '[data-output="arrays"]')]);
  await waitFor(page, /did not work/);
  expect(await page.getByRole("alert").textContent()).toMatch(/two\.npz.*softmax/);
  expect(complaints).toEqual({ errors: [], foreign: [] });
  await page.close();
});

test("plans survive a cancellation, and wrong ones are told", async () => {
  const { page } = await openPage(example, example.plain, SMALL);
  const { scans, label } = await twoChannels();
  const [ct, t1] = scans as [GivenFile, GivenFile];
  // The second stage is so fine that there is time to stop.
  const plans = plansFile([0, 1, 2], [3, 2, 2], [0.3, 0.3, 0.3]);
  await drop(page, "scan", [ct, t1, plans]);
  await waitFor(page, "The plans are read.");
  await page.click("#prepare");
  await expect.poll(() => page.textContent("#status")).toMatch(/…$/);
  await page.click("#cancel");
  await waitFor(page, "Cancelled.");
  // A new worker opens the case, and must get the plans too.
  await drop(page, "label", [label]);
  await waitFor(page, /^Read and checked/);
  await page.selectOption("#choice", "0");
  await page.click("#prepare");
  await waitFor(page, "Prepared.");
  const expected = await prepareInNode(scans, label, () => stageSettings(plans.plans, 0));
  await expectSameArrays((await saved(page, '[data-output="arrays"]')).bytes, expected);

  await drop(page, "scan", [ct]);
  await waitFor(page, /^Read and checked/);
  await page.click("#prepare");
  await waitFor(page, /did not work/);
  expect(await page.getByRole("alert").textContent()).toContain("the case has 1 channels, but the plans normalise 2");
  await drop(page, "plans", [{ name: "case.pkl", bytes: formatPickle([1, 2]) }]);
  await waitFor(page, /did not work/);
  expect(await page.getByRole("alert").textContent()).toMatch(/case\.pkl/);
  // Then the form counts again.
  expect(await page.isVisible("#by-hand")).toBe(true);
  await page.close();
});

test("MetaImage: one file, and a header with its voxels beside it", async () => {
  const { page, complaints } = await openPage(example, example.plain, SMALL);
  const { images, label } = makeCt({ shape: [16, 40, 44], spacingMm: [4, 1.5, 1.25] }, 4);
  const ct = images[0] as Volume<Int16Array>;
  const scan = { name: "meta.mha", bytes: await writeVolume("meta.mha", ct) };
  const labelFile = { name: "meta_label.mha", bytes: await writeVolume("meta_label.mha", label) };
  await drop(page, "scan", [scan]);
  await waitFor(page, /^Read and checked/);
  expect(await page.textContent("#scan-name")).toContain("44 × 40 × 16 voxels of 1.25 × 1.5 × 4 mm");
  await drop(page, "label", [labelFile]);
  await waitFor(page, /^Read and checked/);
  await setSpacing(page, [3, 1.5, 1.5]);
  await page.selectOption("#scheme", "nonCT");
  await page.click("#prepare");
  await waitFor(page, "Prepared.");
  const settings = {
    targetSpacingMm: [3, 1.5, 1.5] as Vec3,
    transposeForward: [0, 1, 2] as const,
    normalizationSchemes: ["nonCT" as const],
    useMaskForNorm: [false],
    intensityProperties: undefined,
    classes: [1, 2, 3],
    planar: false,
  };
  const expected = await prepareInNode([scan], labelFile, () => settings as never);
  const arrays = await saved(page, '[data-output="arrays"]');
  expect(arrays.name).toBe("meta.npz");
  await expectSameArrays(arrays.bytes, expected);

  const header = [
    "ObjectType = Image",
    "NDims = 3",
    "DimSize = 44 40 16",
    "ElementSpacing = 1.25 1.5 4",
    "ElementType = MET_SHORT",
    "ElementByteOrderMSB = False",
    "ElementDataFile = meta.raw",
    "",
  ].join("\n");
  const voxels = new Uint8Array(ct.data.buffer, ct.data.byteOffset, ct.data.byteLength);
  await drop(page, "scan", [
    { name: "meta.raw", bytes: voxels },
    { name: "meta.mhd", bytes: new TextEncoder().encode(header) },
  ]);
  await waitFor(page, /^Read and checked/);
  expect(await page.textContent("#scan-name")).toContain("44 × 40 × 16 voxels of 1.25 × 1.5 × 4 mm, axes run LPS");
  await drop(page, "scan", [{ name: "meta.mhd", bytes: new TextEncoder().encode(header) }]);
  await waitFor(page, /did not work/);
  expect(await page.getByRole("alert").textContent()).toContain("meta.raw");
  expect(complaints).toEqual({ errors: [], foreign: [] });
  await page.close();
});

test("a DICOM series: as files, and as a folder with other things in it", async () => {
  const { page, complaints } = await openPage(example, example.plain, SMALL);
  const slices = seriesSlices(9, { rows: 24, columns: 20 });
  const files = slices.map((slice, i) => ({
    name: `IM${String(i * 7 + 1).padStart(4, "0")}`,
    bytes: formatSlice(slice),
  }));
  const note = { name: "AAA_readme.txt", bytes: new TextEncoder().encode("exported on Monday") };
  const size = "20 × 24 × 9 voxels of 0.7 × 0.5 × 2.5 mm, axes run LPS";
  await drop(page, "scan", [...files].reverse());
  await waitFor(page, /^Read and checked/);
  expect(await page.textContent("#scan-name")).toContain(size);
  await setSpacing(page, [2.5, 1, 1]);
  await page.selectOption("#scheme", "noNorm");
  await page.click("#prepare");
  await waitFor(page, "Prepared.");
  expect((await saved(page, '[data-output="arrays"]')).name).toBe("IM0001.npz");

  await drop(page, "scan", [note, ...files]);
  await waitFor(page, /^Read and checked/);
  expect(await page.textContent("#scan-name")).toContain(size);

  await page.click("#clear");
  const folder = await mkdtemp(join(tmpdir(), "series-"));
  try {
    for (const { name, bytes } of [note, ...files]) await writeFile(join(folder, name), bytes);
    const zone = page.locator('[data-for="scan"]');
    await zone.scrollIntoViewIfNeeded();
    const box = await zone.boundingBox();
    const session = await page.context().newCDPSession(page);
    for (const type of ["dragEnter", "dragOver", "drop"] as const) {
      const at = { x: (box?.x ?? 0) + 20, y: (box?.y ?? 0) + 20 };
      await session.send("Input.dispatchDragEvent", {
        type,
        ...at,
        data: { items: [], files: [folder], dragOperationsMask: 1 },
      });
    }
    await waitFor(page, /^Read and checked/);
    expect(await page.textContent("#scan-name")).toContain(size);
    // The same by the dialog for folders.
    await page.click("#clear");
    await page.setInputFiles("#scan-folder", folder);
    await waitFor(page, /^Read and checked/);
    expect(await page.textContent("#scan-name")).toContain(size);
  } finally {
    await rm(folder, { recursive: true });
  }
  expect(complaints).toEqual({ errors: [], foreign: [] });
  await page.close();
});
