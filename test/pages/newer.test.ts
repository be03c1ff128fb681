import { type Shape3, scanFileFromBytes, type Vec3, type Volume } from "nnprep";
import { parsePickle, readB2nd, readVolume } from "nnprep/io";
import {
  exportSegmentation,
  parseDatasetJson,
  parsePlans,
  preprocessCase,
  preprocessSettings,
  propertiesFromPython,
  propertiesToPython,
  readerFor,
} from "nnprep/v2";
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeCt } from "../../examples/phantom.js";
import { plans as examplePlans, text } from "../inference/example-model.js";
import {
  drop,
  type ExamplePage,
  type GivenFile,
  nifti,
  openPage,
  saved,
  startExample,
  waitFor,
} from "./example-page.js";

/** nnU-Net v2 in the page: plans.json and dataset.json in, what nnU-Net trains from out, as in Node. */

const SMALL = { width: 640, height: 480 };

let example: ExamplePage;

beforeAll(async () => {
  example = await startExample("browser-newer");
});

afterAll(() => example?.close());

const fullres = examplePlans.configurations["3d_fullres"];
const statistics = { max: 900, mean: 60, median: 55, min: -400, percentile_00_5: -150, percentile_99_5: 320, std: 70 };

/** CT and T1: clipped by the dataset's numbers, and by the mask's own mean. */
function plansOf(spacing: Vec3, transpose: Shape3 = [0, 1, 2]): GivenFile {
  const backward = [0, 1, 2].map((axis) => transpose.indexOf(axis));
  const turned = transpose.map((axis) => spacing[axis]);
  const configuration = {
    ...fullres,
    spacing: turned,
    normalization_schemes: ["CTNormalization", "ZScoreNormalization"],
    use_mask_for_norm: [false, true],
    resampling_fn_data_kwargs: { is_seg: false, order: 3, order_z: 0, force_separate_z: null },
  };
  const { architecture } = fullres;
  const squares = {
    ...architecture.arch_kwargs,
    conv_op: "torch.nn.modules.conv.Conv2d",
    norm_op: "torch.nn.modules.instancenorm.InstanceNorm2d",
    kernel_sizes: architecture.arch_kwargs.kernel_sizes.map((size) => size.slice(1)),
    strides: architecture.arch_kwargs.strides.map((stride) => stride.slice(1)),
  };
  const planar = {
    ...configuration,
    spacing: turned.slice(1),
    patch_size: [6, 8],
    median_image_size_in_voxels: [8, 8],
    architecture: { ...architecture, arch_kwargs: squares },
  };
  const plans = {
    ...examplePlans,
    transpose_forward: transpose,
    transpose_backward: backward,
    configurations: {
      "2d": planar,
      "3d_fullres": configuration,
      "3d_cascade_fullres": { inherits_from: "3d_fullres", previous_stage: "3d_lowres" },
    },
    foreground_intensity_properties_per_channel: { "0": statistics, "1": statistics },
  };
  return { name: "nnUNetPlans.json", bytes: text(plans) };
}

const dataset: GivenFile = {
  name: "dataset.json",
  bytes: text({
    channel_names: { "0": "CT", "1": "T1" },
    labels: { background: 0, liver: 1, spleen: 2, lesion: 3 },
    numTraining: 1,
    file_ending: ".nii.gz",
  }),
};

/** A CT and an image of other values on its grid, with zeros around, and their label. */
async function twoChannels(): Promise<{ scans: GivenFile[]; label: GivenFile; labelVolume: Volume }> {
  const { images, label } = makeCt({ shape: [20, 44, 36], spacingMm: [3, 1.4, 1.2] }, 9);
  const empty = (voxel: number) => voxel % 36 < 3;
  const ct = { ...images[0], data: Int16Array.from(images[0].data, (value, i) => (empty(i) ? 0 : value)) };
  const t1 = { ...ct, data: ct.data.map((value) => Math.max(0, 400 - Math.abs(value)) * Number(value !== 0)) };
  return {
    scans: [await nifti("two_0000.nii.gz", ct), await nifti("two_0001.nii.gz", t1)],
    label: await nifti("two.nii.gz", label),
    labelVolume: label,
  };
}

/** The same preparation in Node, from the same files by nnU-Net's reader class. */
async function prepareInNode(scans: GivenFile[], label: GivenFile | null, plansFile: GivenFile, configuration: string) {
  const plans = parsePlans(plansFile.bytes);
  const { labels } = parseDatasetJson(dataset.bytes);
  const reader = await readerFor(plans.readerName);
  const images = await reader.readImages(scans.map(({ name, bytes }) => scanFileFromBytes(name, bytes)));
  const found = label === null ? null : (await reader.readLabel(scanFileFromBytes(label.name, label.bytes))).label;
  const arrays = { channels: images.channels, label: found, shape: images.shape };
  const done = await preprocessCase(arrays, images.properties, preprocessSettings(plans, configuration, labels));
  return { plans, ...done };
}

type InNode = Awaited<ReturnType<typeof prepareInNode>>;

const bits = (part: Float32Array | Int16Array) => Buffer.from(part.buffer, part.byteOffset, part.byteLength);

/** That the page saves the arrays, the label and the properties that Node computes, bit by bit. */
async function expectSaved(page: Page, { channels, label, shape, properties }: InNode): Promise<void> {
  const scan = await saved(page, "#save-arrays");
  expect(scan.name).toBe("two.b2nd");
  const { data, shape: stack } = await readB2nd(scan.bytes, { dtype: "<f4" });
  expect(stack).toEqual([channels.length, ...shape]);
  const size = shape[0] * shape[1] * shape[2];
  const same = channels.map((channel, c) =>
    bits(channel).equals(bits((data as Float32Array).subarray(c * size, (c + 1) * size))),
  );
  expect(same).toEqual(channels.map(() => true));
  const pickle = parsePickle((await saved(page, '[data-output="properties"]')).bytes);
  expect(propertiesToPython(propertiesFromPython(pickle))).toEqual(propertiesToPython(properties));
  if (label === null) {
    expect(await page.isVisible("#save-seg")).toBe(false);
    return;
  }
  const seg = await saved(page, "#save-seg");
  expect(seg.name).toBe("two_seg.b2nd");
  expect(bits((await readB2nd(seg.bytes, { dtype: "<i2" })).data as Int16Array).equals(bits(label))).toBe(true);
}

describe("nnU-Net v2 in the page", () => {
  test("prepares a configuration as Node does, bit by bit, and brings a label back", async () => {
    const { page, complaints } = await openPage(example, example.isolated, SMALL);
    const { scans, label, labelVolume } = await twoChannels();
    const plans = plansOf([2.4, 1.6, 1.3], [1, 0, 2]);
    await drop(page, "label", [label]);
    await drop(page, "scan", [...scans, plans, dataset]);
    await waitFor(page, "The plans are read.");
    expect(await page.textContent("#plans-name")).toBe("nnUNetPlans.json, dataset.json: nnU-Net v2");
    expect(await page.locator("#choice option").allTextContents()).toEqual([
      "2d: slices of 1.3 × 2.4 mm",
      "3d_fullres: 1.3 × 1.6 × 2.4 mm",
    ]);
    expect(await page.textContent("#recipe-notes")).toContain("3d_cascade_fullres is left out");
    await page.click("#prepare");
    await waitFor(page, "Prepared.");
    expect(await page.textContent("#problem")).toBe("");
    const inNode = await prepareInNode(scans, label, plans, "3d_fullres");
    await expectSaved(page, inNode);
    const numbers = (await page.textContent("#numbers-body")) ?? "";
    expect(numbers).toContain([...inNode.shape].reverse().join(" × "));
    expect(numbers).toMatch(/1 liver.*2 spleen/);

    // The label on the network's grid, taken back by v2's way out.
    await page.click("#restore-own");
    await waitFor(page, /back on the scan/);
    const back = await saved(page, "#save-restored");
    const found = await readVolume(back.name, back.bytes);
    const { plans: parsed, properties, shape } = inNode;
    const values = [0, 1, 2, 3];
    const size = shape[1] * shape[2];
    const read = (c: number, a: number) =>
      Float32Array.from(inNode.label?.subarray(a * size, (a + 1) * size) ?? [], (value) =>
        Number(Math.max(0, value) === values[c]),
      );
    const { labels } = parseDatasetJson(dataset.bytes);
    const configuration = parsed.configurations.get("3d_fullres");
    if (configuration === undefined) throw new Error("no 3d_fullres");
    const classes = { classes: 4, shape, precision: "float32", read } as const;
    const expected = await exportSegmentation(classes, properties, { plans: parsed, configuration, labels });
    expect(found.shape).toEqual(labelVolume.shape);
    expect(Buffer.from(found.data as Uint8Array).equals(Buffer.from(expected.labels))).toBe(true);
    expect(complaints).toEqual({ errors: [], foreign: [] });
    await page.close();
  });

  test("2-D slices, without a label and without isolation; the two files one after the other", async () => {
    const { page, complaints } = await openPage(example, example.plain, SMALL);
    const { scans } = await twoChannels();
    const plans = plansOf([3, 1.8, 1.5]);
    await drop(page, "scan", scans);
    await waitFor(page, /^Read and checked/);
    await drop(page, "plans", [plans]);
    await waitFor(page, /did not work/);
    expect(await page.getByRole("alert").textContent()).toMatch(
      /A file is missing.*nnUNetPlans\.json alone is not enough: dataset\.json is needed too/,
    );
    await drop(page, "plans", [dataset]);
    await waitFor(page, "The plans are read.");
    await page.selectOption("#choice", "2d");
    await page.click("#prepare");
    await waitFor(page, "Prepared.");
    await expectSaved(page, await prepareInNode(scans, null, plans, "2d"));
    expect(await page.isVisible("#restore-own")).toBe(false);
    expect(complaints).toEqual({ errors: [], foreign: [] });
    await page.close();
  });

  test("files that do not belong together are refused by name", async () => {
    const { page } = await openPage(example, example.plain, SMALL);
    const alert = page.getByRole("alert");
    const refused = async (files: readonly GivenFile[], message: RegExp) => {
      await drop(page, "plans", files);
      await waitFor(page, /did not work/);
      expect(await alert.textContent()).toMatch(message);
    };
    const plans = plansOf([3, 2, 2]);
    const version1 = {
      name: "dataset.json",
      bytes: text({
        modality: { "0": "CT" },
        labels: { "0": "background", "1": "liver" },
        training: [],
        numTraining: 0,
      }),
    };
    await refused(
      [{ name: "plans.pkl", bytes: new Uint8Array(8) }, dataset],
      /v1.*dataset\.json is a dataset\.json of v2/,
    );
    await refused([plans, version1], /dataset\.json.*nnU-Net v1/);
    const one = {
      ...dataset,
      bytes: text({ ...JSON.parse(new TextDecoder().decode(dataset.bytes)), channel_names: { "0": "CT" } }),
    };
    await refused([plans, one], /nnUNetPlans\.json normalises 2 channels, but dataset\.json has 1 \(CT\)/);
    await refused([{ ...plans, bytes: plans.bytes.subarray(0, 300) }, dataset], /nnUNetPlans\.json/);
    await refused([{ name: "notes.txt", bytes: text("x") }], /notes\.txt: no plans and no model found/);

    const { scans, label } = await twoChannels();
    await drop(page, "scan", scans.slice(0, 1));
    await waitFor(page, /^Read and checked/);
    await drop(page, "plans", [plans, dataset]);
    await waitFor(page, "The plans are read.");
    await page.click("#prepare");
    await waitFor(page, /did not work/);
    expect(await alert.textContent()).toMatch(/the case has 1 channels.*normalises 2/);

    const high = await readVolume(label.name, label.bytes);
    const data = Int16Array.from(high.data, (value) => (value === 3 ? 7 : value));
    await drop(page, "label", [await nifti("seven.nii.gz", { ...high, data })]);
    await waitFor(page, /^Read and checked/);
    await drop(page, "scan", scans);
    await waitFor(page, /^Read and checked/);
    await page.click("#prepare");
    await waitFor(page, /did not work/);
    expect(await alert.textContent()).toMatch(/label has the value 7; dataset\.json knows 0, 1, 2, 3/);
    await page.close();
  });
});
