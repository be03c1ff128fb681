import { join } from "node:path";
import { type Geometry, readScan, scanFileFromBytes, type Volume, type VoxelArray } from "nnprep";
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeCt } from "../../examples/phantom.js";
import { formatSlice, seriesSlices } from "../generated/dicom-files.js";
import {
  drop,
  type ExamplePage,
  type GivenFile,
  nifti,
  openPage,
  pictures,
  saved,
  setSpacing,
  startExample,
  waitFor,
} from "./example-page.js";

/** What misleads in a corner: pictures, numbers and words of the page. */

const SMALL = { width: 640, height: 480 };

let example: ExamplePage;

beforeAll(async () => {
  example = await startExample("browser-corners");
});

afterAll(() => example?.close());

const ct = makeCt({ shape: [20, 44, 36], spacingMm: [3, 1.4, 1.2] }, 9);
const [image] = ct.images as [Volume<Int16Array>];

/** Slices of a DICOM series as files. */
const dicomFiles = (slices: ReturnType<typeof seriesSlices>): GivenFile[] =>
  slices.map((slice, i) => ({ name: `IM${String(i + 1).padStart(4, "0")}`, bytes: formatSlice(slice) }));

const prepareByHand = async (page: Page): Promise<void> => {
  await page.selectOption("#scheme", "noNorm");
  await page.click("#prepare");
  await waitFor(page, "Prepared.");
};

describe("pictures", () => {
  test("labels of all types are drawn alike", async () => {
    const { page } = await openPage(example, example.plain, SMALL);
    const picture = () => page.locator("#before").screenshot();
    await drop(page, "scan", [await nifti("ct.nii.gz", image)]);
    await waitFor(page, /^Read and checked/);
    const without = await picture();
    const drawn = async (name: string, data: VoxelArray) => {
      await drop(page, "label", [await nifti(`${name}.nii.gz`, { ...ct.label, data })]);
      await waitFor(page, /^Read and checked/);
      return picture();
    };
    const { data } = ct.label;
    const expected = await drawn("int16", Int16Array.from(data));
    expect(expected.equals(without)).toBe(false);
    const others = {
      uint8: Uint8Array.from(data),
      uint16: Uint16Array.from(data),
      int32: Int32Array.from(data),
      uint32: Uint32Array.from(data),
      float32: Float32Array.from(data),
      float64: Float64Array.from(data),
    };
    const same: Record<string, boolean> = {};
    for (const [name, values] of Object.entries(others)) same[name] = (await drawn(name, values)).equals(expected);
    expect(same).toEqual(Object.fromEntries(Object.keys(others).map((name) => [name, true])));
    await page.close();
  });

  test("the cursor tells voxel, value and label; one window for both; a channel is chosen", async () => {
    const { page, complaints } = await openPage(example, example.plain, SMALL);
    const second = { ...image, data: image.data.map((value) => 3000 - value) };
    const scans = [await nifti("two_0000.nii.gz", image), await nifti("two_0001.nii.gz", second)];
    await drop(page, "label", [await nifti("two.nii.gz", ct.label)]);
    await drop(page, "scan", scans);
    await waitFor(page, /^Read and checked/);
    const cursor = async (place: string, volume: Pick<Volume, "data" | "shape">, values?: VoxelArray) => {
      const told = (await page.textContent(`#${place}-cursor`)) ?? "";
      const parts = /^x (\d+)\/(\d+), y (\d+)\/(\d+), z (\d+)\/(\d+): (-?[\d.]+)(?:, label (\d+))?$/.exec(told);
      expect(parts, told).not.toBeNull();
      const [x, nx, y, ny, z, nz, value, label = 0] = (parts ?? []).slice(1).map((part) => Number(part ?? 0));
      expect([nz, ny, nx]).toEqual([...volume.shape]);
      const at = ((z - 1) * ny + y - 1) * nx + x - 1;
      expect(value).toBeCloseTo(volume.data[at], Math.abs(volume.data[at]) < 100 ? 1 : 0);
      if (values !== undefined) expect(label).toBe(values[at]);
      return { x, y, z };
    };
    const slide = (id: string, share: string) =>
      page.locator(id).evaluate((slider: HTMLInputElement, value) => {
        slider.value = value;
        slider.dispatchEvent(new Event("input"));
      }, share);
    const middle = await cursor("before", image, ct.label.data);
    await slide("#at-0", "0.3");
    await slide("#at-2", "0.7");
    const moved = await cursor("before", image, ct.label.data);
    expect(moved).not.toEqual(middle);

    await prepareByHand(page);
    // Nothing is scaled: the same window.
    expect(await page.inputValue("#window-low")).toBe("-160");
    expect(await page.textContent("#after-window")).toMatch(/^(the same window: -160 to 240)?$/);
    await page.selectOption("#scheme", "nonCT");
    await page.selectOption("#mask", "no");
    await page.click("#prepare");
    await waitFor(page, "Prepared.");
    const { mean, sd } = moments(image.data);
    const shown = (await page.textContent("#after-window")) ?? "";
    const [, low, high] = /^the same window: (-?[\d.]+) to (-?[\d.]+)$/.exec(shown) ?? [];
    expect(Number(low)).toBeCloseTo((-160 - mean) / sd, 1);
    expect(Number(high)).toBeCloseTo((240 - mean) / sd, 1);
    const before = await page.locator("#after").screenshot();
    await page.fill("#window-low", "-900");
    expect(await page.textContent("#after-window")).not.toBe(shown);
    expect((await page.locator("#after").screenshot()).equals(before)).toBe(false);
    await page.click("#window-usual");
    expect(await page.textContent("#after-window")).toBe(shown);

    await page.selectOption("#channel", "1");
    await waitFor(page, "Channel 1.");
    await cursor("before", second, ct.label.data);
    expect(complaints).toEqual({ errors: [], foreign: [] });
    await page.close();
  });

  test("nothing is covered at 1366 x 768", async () => {
    const { page } = await openPage(example, example.plain, { width: 1366, height: 768 });
    await page.click("#phantom");
    await waitFor(page, /^Read and checked/);
    await page.screenshot({ path: join(pictures, "example-1366.png") });
    const isReached = (id: string) =>
      page.locator(id).evaluate((found) => {
        const { left, top, width, height } = found.getBoundingClientRect();
        const hit = document.elementFromPoint(left + width / 2, top + height / 2);
        return hit === found || found.contains(hit) || (hit?.contains(found) ?? false);
      });
    for (const id of ["#prepare", "#before", "#after", "#window-low"]) expect(await isReached(id), id).toBe(true);
    for (const id of ["#spacing-x", "#scheme", "#mask", "#clear", "#scan"]) {
      await page.locator(id).scrollIntoViewIfNeeded();
      expect(await isReached(id), id).toBe(true);
    }
    await prepareByHand(page);
    await page.locator("#restore-own").scrollIntoViewIfNeeded();
    for (const id of ["#prepare", "#restore-own"]) expect(await isReached(id), id).toBe(true);
    await page.close();
  });
});

function moments(data: VoxelArray): { mean: number; sd: number } {
  let sum = 0;
  for (const value of data) sum += value;
  const mean = sum / data.length;
  let squares = 0;
  for (const value of data) squares += (value - mean) * (value - mean);
  return { mean, sd: Math.sqrt(squares / data.length) };
}

describe("numbers and words", () => {
  test("label voxels that cropping loses are told; before is what the file holds", async () => {
    const { page } = await openPage(example, example.plain, SMALL);
    const margin = (voxel: number) => voxel % 36 < 6;
    const cut = { ...image, data: image.data.map((value, i) => (margin(i) ? 0 : value || 1)) };
    // Label 1 is everything in two slices: a sixth of it lies in the margin.
    const data = Uint8Array.from(ct.label.data, (_, i) => Number(i >= 5 * 44 * 36 && i < 7 * 44 * 36));
    await drop(page, "label", [await nifti("cut_label.nii.gz", { ...ct.label, data })]);
    await drop(page, "scan", [await nifti("cut.nii.gz", cut)]);
    await waitFor(page, /^Read and checked/);
    await prepareByHand(page);
    const numbers = (await page.textContent("#numbers-body")) ?? "";
    const voxels = 2 * 44 * 36;
    expect(numbers).toContain(`Label 1 loses ${voxels / 6} of its ${voxels} voxels (2.66 mL)`);
    // 3168 voxels of 3 x 1.4 x 1.2 mm.
    expect(numbers).toMatch(/Label volumes.*116 mL/);
    expect(numbers).toContain("x 7–36, y 1–44, z 1–20");
    await page.close();
  });

  test("a DICOM series with its own label on turned axes", async () => {
    const { page, complaints } = await openPage(example, example.plain, SMALL);
    const files = dicomFiles(seriesSlices(9, { rows: 24, columns: 20 }));
    const { volume } = await readScan(files.map(({ name, bytes }) => scanFileFromBytes(name, bytes)));
    const [n0, n1, n2] = volume.shape;
    const labelled = Uint8Array.from(volume.data, (_, i) => 1 + (i % 3));
    // The same voxels with rows stored from right to left.
    const { spacingMm, originMm, direction } = volume.geometry;
    const turned = labelled.map((_, i) => labelled[i - (i % n2) + n2 - 1 - (i % n2)]);
    const length = (n2 - 1) * spacingMm[2];
    const geometry = {
      spacingMm,
      originMm: originMm.map((x, row) => x + length * direction[3 * row]),
      direction: direction.map((x, i) => (i % 3 === 0 ? -x : x)),
    } as unknown as Geometry;
    const label = await nifti("turned.nii.gz", { data: turned, shape: [n0, n1, n2], geometry });
    await drop(page, "scan", files);
    await waitFor(page, /^Read and checked/);
    await drop(page, "label", [label]);
    await waitFor(page, /^Read and checked/);
    expect(await page.textContent("#findings")).toMatch(/on one grid.*turned\.nii\.gz: its axes run in another order/);
    await setSpacing(page, [spacingMm[0], spacingMm[1], spacingMm[2]]);
    await prepareByHand(page);
    await page.click("#restore-own");
    await waitFor(page, /back on the scan/);
    expect(await page.textContent("#restored-body")).toMatch(/mL0 of [\d,]+ voxels \(0 %\)/);
    const back = await saved(page, "#save-restored");
    const { volume: found } = await readScan([scanFileFromBytes(back.name, back.bytes)]);
    expect(Buffer.from(found.data as Uint8Array).equals(Buffer.from(labelled))).toBe(true);
    expect(complaints).toEqual({ errors: [], foreign: [] });
    await page.close();
  });

  test("a doubtful series is read when that is allowed, and one of several is chosen", async () => {
    const { page } = await openPage(example, example.plain, SMALL);
    const alert = page.getByRole("alert");
    const slices = seriesSlices(9, { rows: 24, columns: 20 });
    await drop(page, "scan", dicomFiles(slices.filter((_, i) => i !== 4)));
    await waitFor(page, /did not work/);
    expect(await alert.textContent()).toContain("slices missing");
    await page.getByRole("button", { name: "Read it all the same: slices missing" }).click();
    await waitFor(page, /^Read and checked/);
    expect(await page.textContent("#scan-name")).toContain("20 × 24 × 8 voxels");
    expect(await page.textContent("#findings")).toMatch(/stacked/);

    // The next scan is not let in by what was allowed for this one.
    const others = seriesSlices(5, { rows: 24, columns: 20 }).map((slice) => ({ ...slice, series: "1.2.9" }));
    await drop(page, "scan", [
      ...dicomFiles(slices),
      ...dicomFiles(others).map(({ name, bytes }) => ({ name: `B${name}`, bytes })),
    ]);
    await waitFor(page, /did not work/);
    expect(await alert.textContent()).toContain("2 series found");
    await page.getByRole("button", { name: /^Read .*5 slices/ }).click();
    await waitFor(page, /^Read and checked/);
    expect(await page.textContent("#scan-name")).toContain("20 × 24 × 5 voxels");
    await page.close();
  });

  test("a label in the place of the scan is noticed, and what blocks is said", async () => {
    const { page } = await openPage(example, example.plain, SMALL);
    await drop(page, "scan", [await nifti("organs.nii.gz", ct.label)]);
    await waitFor(page, /^Read and checked/);
    expect(await page.textContent("#findings")).toContain("organs looks like a label, not like a scan");
    await page.getByRole("button", { name: "Use it as the label" }).click();
    await waitFor(page, "Now choose the scan.");
    expect(await page.textContent("#label-name")).toBe("organs.nii.gz");
    const other = makeCt({ shape: [20, 44, 30], spacingMm: [3, 1.4, 1.2] }, 9);
    await drop(page, "scan", [await nifti("ct.nii.gz", other.images[0])]);
    await waitFor(page, /^Read and checked: something has to be mended first/);
    expect(await page.textContent("#findings")).toMatch(/size 30 × 44 × 20.*36 × 44 × 20 as in organs\.nii\.gz/);
    expect(await page.isDisabled("#prepare")).toBe(true);
    await drop(page, "scan", [await nifti("ct.nii.gz", image)]);
    await waitFor(page, "Read and checked. Choose the settings, then prepare.");
    await page.close();
  });
});
