import { join } from "node:path";
import type { Vec3 } from "nnprep";
import { parsePickle, readVolume } from "nnprep/io";
import { foregroundVoxels } from "nnprep/steps";
import { intensityStatistics, propertiesFromPython, propertiesToPython } from "nnprep/v1";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeCt, makeMr } from "../../examples/phantom.js";
import {
  drop,
  type ExamplePage,
  expectSameArrays,
  type GivenFile,
  isDrawn,
  nifti,
  openPage,
  pictures,
  prepareInNode,
  saved,
  setSpacing,
  startExample,
  status,
  waitFor,
} from "./example-page.js";

let example: ExamplePage;

beforeAll(async () => {
  example = await startExample("browser");
});

afterAll(() => example?.close());

/** As the form says it: the statistics from the label of this one case. */
function prepareByForm(images: readonly GivenFile[], label: GivenFile, spacing: Vec3, scheme: "CT" | "nonCT") {
  return prepareInNode(images, label, ({ arrays, properties }) => {
    const { box, size } = { box: arrays.shape, size: properties.original_size_of_raw_data };
    const kept = (box[0] * box[1] * box[2]) / (size[0] * size[1] * size[2]);
    const intensityProperties = new Map(
      arrays.channels.map((channel, c) => [
        c,
        { ...intensityStatistics(foregroundVoxels(channel, arrays.label, 10)), local_props: new Map() },
      ]),
    );
    return {
      targetSpacingMm: spacing,
      transposeForward: [0, 1, 2],
      normalizationSchemes: images.map(() => scheme),
      useMaskForNorm: images.map(() => scheme === "nonCT" && kept < 0.75),
      intensityProperties,
      classes: [1, 2, 3],
      planar: false,
    };
  });
}

describe("the example page", () => {
  test("prepares what is dropped on it as Node does, bit by bit, with threads", async () => {
    const { page, complaints } = await openPage(example, example.isolated);
    const { images, label } = makeMr({ shape: [40, 56, 52], spacingMm: [2, 1.9, 1.8] }, 3);
    const scans = await Promise.all(images.slice(0, 2).map((image, c) => nifti(`head_000${c}.nii.gz`, image)));
    const labelFile = await nifti("head.nii.gz", label);
    await drop(page, "scan", scans);
    await waitFor(page, /^Read and checked/);
    await drop(page, "label", [labelFile]);
    await waitFor(page, /^Read and checked/);
    expect(await page.textContent("#scan-name")).toContain("52 × 56 × 40 voxels of 1.8 × 1.9 × 2 mm, 2 channels");
    expect(await page.textContent("#findings")).toContain("on one grid");
    expect(await page.textContent("#threads")).toMatch(/^\d+ threads?$/);
    expect(await page.inputValue("#scheme")).toBe("nonCT");

    const spacing: Vec3 = [1.6, 1.7, 1.5];
    await setSpacing(page, spacing);
    await page.click("#prepare");
    await waitFor(page, "Prepared.");
    expect(await page.textContent("#problem")).toBe("");
    const expected = await prepareByForm(scans, labelFile, spacing, "nonCT");
    const { name, bytes } = await saved(page, '[data-output="arrays"]');
    expect(name).toBe("head.npz");
    await expectSameArrays(bytes, expected);
    const properties = propertiesFromPython(parsePickle((await saved(page, '[data-output="properties"]')).bytes));
    expect(propertiesToPython(properties)).toEqual(propertiesToPython(expected.properties));
    const table = (await page.textContent("#numbers-body")) ?? "";
    expect(table).toContain([...expected.arrays.shape].reverse().join(" × "));

    expect(await isDrawn(page, "#before")).toBe(true);
    expect(await isDrawn(page, "#after")).toBe(true);
    await page.screenshot({ path: join(pictures, "example-mr.png"), fullPage: true });
    expect(complaints).toEqual({ errors: [], foreign: [] });
    await page.close();
  });

  test("works without isolation, and takes a segmentation back to the scan", async () => {
    const { page, complaints } = await openPage(example, example.plain);
    await page.emulateMedia({ colorScheme: "dark" });
    const { images, label } = makeCt({ shape: [14, 72, 70], spacingMm: [6, 1.3, 1.2] }, 5);
    const scan = await nifti("abdomen.nii", images[0]);
    const labelFile = await nifti("abdomen_label.nii.gz", label);
    await drop(page, "label", [labelFile]);
    await drop(page, "scan", [scan]);
    await waitFor(page, /^Read and checked/);
    expect(await page.textContent("#threads")).toContain("One thread");
    expect(await page.inputValue("#scheme")).toBe("CT");
    const spacing: Vec3 = [4, 1, 1];
    await setSpacing(page, spacing);
    await page.click("#prepare");
    await waitFor(page, "Prepared.");
    const expected = await prepareByForm([scan], labelFile, spacing, "CT");
    await expectSameArrays((await saved(page, '[data-output="arrays"]')).bytes, expected);

    // What the page saved on the prepared grid is a segmentation of it.
    const prepared = await saved(page, '[data-output="label"]');
    expect(prepared.name).toBe("abdomen_prepared_label.nii.gz");
    await drop(page, "segmentation", [prepared]);
    await waitFor(page, /back on the scan/);
    const back = await saved(page, "#save-restored");
    const volume = await readVolume(back.name, back.bytes);
    expect(volume.shape).toEqual(label.shape);
    expect(volume.geometry).toEqual((await readVolume(labelFile.name, labelFile.bytes)).geometry);
    const different = Array.from(label.data).filter((value, i) => value !== volume.data[i]).length;
    expect(different / label.data.length).toBeLessThan(0.02);
    expect(await page.textContent("#restored-body")).toContain(`${new Intl.NumberFormat("en").format(different)} of`);
    await page.screenshot({ path: join(pictures, "example-ct-dark.png"), fullPage: true });
    expect(complaints).toEqual({ errors: [], foreign: [] });
    await page.close();
  });

  test("says what is wrong with a bad file", async () => {
    const { page } = await openPage(example, example.plain, { width: 760, height: 700 });
    const { images, label } = makeCt({ shape: [8, 24, 24], spacingMm: [3, 2, 2] }, 1);
    const good = await nifti("good.nii.gz", images[0]);
    const cut = { name: "cut.nii.gz", bytes: good.bytes.subarray(0, good.bytes.length >> 1) };
    await drop(page, "scan", [cut]);
    await waitFor(page, /did not work/);
    const problem = page.getByRole("alert");
    expect(await problem.textContent()).toContain("This file is damaged");
    expect(await problem.textContent()).toContain("cut.nii.gz");
    expect(await problem.textContent()).toContain("CORRUPT_FILE");
    expect(await page.isDisabled("#prepare")).toBe(true);
    await page.screenshot({ path: join(pictures, "example-bad-file.png") });

    await drop(page, "scan", [{ name: "notes.txt", bytes: new TextEncoder().encode("not a scan at all") }]);
    await waitFor(page, /did not work/);
    expect(await problem.textContent()).toMatch(/notes\.txt.*can be read/);

    // A label of another grid is found before anything is prepared.
    await drop(page, "scan", [good]);
    await waitFor(page, /^Read and checked/);
    expect(await problem.textContent()).toBe("");
    expect(await page.isDisabled("#prepare")).toBe(false);
    const other = makeCt({ shape: [8, 24, 25], spacingMm: [3, 2, 2] }, 1).label;
    await drop(page, "label", [await nifti("other.nii.gz", other)]);
    await waitFor(page, /^Read and checked/);
    expect(await page.textContent("#findings")).toMatch(/Error in good\.nii\.gz.*size 24 × 24 × 8.*25 × 24 × 8/);
    expect(await page.isDisabled("#prepare")).toBe(true);
    const broken = { ...label, data: Float32Array.from(label.data, (value) => value + 0.5) };
    await drop(page, "label", [await nifti("broken.nii.gz", broken)]);
    await waitFor(page, /^Read and checked/);
    expect(await page.textContent("#findings")).toMatch(/broken\.nii\.gz.*0\.5.*whole numbers from 0 on/);
    await page.close();
  });

  test("works with the keyboard, and can be cancelled", async () => {
    const { page } = await openPage(example, example.isolated, { width: 700, height: 500 });
    const focused = () => page.evaluate(() => document.activeElement?.id ?? "");
    const order: string[] = [];
    for (let i = 0; i < 9; i++) {
      await page.keyboard.press("Tab");
      order.push(await focused());
    }
    expect(order.filter((id) => id !== "")).toEqual(
      expect.arrayContaining(["theme", "scan", "label", "phantom", "plans", "spacing-x"]),
    );
    await page.focus("#phantom");
    await page.keyboard.press("Enter");
    await waitFor(page, /^Read and checked/);
    // Enlarged so much that there is time to stop it.
    await setSpacing(page, [0.5, 0.5, 0.5]);
    await page.focus("#prepare");
    await page.keyboard.press("Enter");
    await expect.poll(focused).toBe("cancel");
    await expect.poll(() => status(page).textContent()).toMatch(/…$/);
    await page.keyboard.press("Enter");
    await waitFor(page, "Cancelled.");
    expect(await page.isVisible("#numbers")).toBe(false);
    // The case is still there.
    await setSpacing(page, [3, 2, 2]);
    await page.focus("#spacing-x");
    await page.keyboard.press("Enter");
    await waitFor(page, "Prepared.");
    await page.fill("#spacing-x", "-1");
    await page.keyboard.press("Enter");
    await waitFor(page, /did not work/);
    expect(await focused()).toBe("spacing-x");
    expect(await page.getByRole("alert").textContent()).toContain("from 0.05 to 50");
    await page.close();
  });

  test("may not talk to anyone else", async () => {
    const { page } = await openPage(example, example.plain);
    const elsewhere = example.isolated.url;
    const before = example.isolated.asked.length;
    const refused = await page.evaluate(
      (url) =>
        fetch(url, { mode: "no-cors" }).then(
          () => false,
          () => true,
        ),
      elsewhere,
    );
    expect(refused).toBe(true);
    expect(example.isolated.asked.length).toBe(before);
    await page.close();
  });
});
