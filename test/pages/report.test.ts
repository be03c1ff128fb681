import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { init, type Volume } from "nnprep";
import { formatNifti } from "nnprep/io";
import { compareLabels, overlapMetrics } from "nnprep/steps";
import { formatDatasetJson } from "nnprep/v1";
import type { Browser, Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeMr, type Phantom } from "../../examples/phantom.js";
import { runCli } from "../cli/run-cli.js";
import { launchChromium, watchPage } from "./chromium.js";

/** `nnprep report`, opened from disk in Chromium. */

const pictures = fileURLToPath(new URL("../../.cache/pages", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "nnprep-report-"));
const raw = join(folder, "raw");
const predictions = join(folder, "predictions");
const folders = ["--raw", raw, "--cropped", join(folder, "cropped"), "--preprocessed", join(folder, "preprocessed")];
const task = "Task042_<Head>";
const cases = ["case_a", "case_b", "case_c"];
const LABELS = ["background", "oedema", "tumour", "core"];

let browser: Browser;
let phantoms: Phantom[];

/** The label moved by some voxels along the rows. */
function moved(label: Volume, by: number): Volume {
  const data = new Uint8Array(label.data.length);
  for (let i = by; i < data.length; i++) data[i] = label.data[i - by];
  return { ...label, data };
}

const SHIFTS: Readonly<Record<string, number>> = { case_a: 1, case_b: 5 };

beforeAll(async () => {
  await init();
  for (const name of ["imagesTr", "labelsTr"]) mkdirSync(join(raw, task, name), { recursive: true });
  mkdirSync(predictions);
  mkdirSync(pictures, { recursive: true });
  phantoms = cases.map((_, i) => makeMr({ shape: [22, 36 + 2 * i, 34], spacingMm: [4, 3, 3 + i / 4] }, i + 1));
  for (const [i, { images, label }] of phantoms.entries()) {
    const name = cases[i];
    const write = async (path: string, volume: Volume) =>
      writeFileSync(path, await formatNifti(volume, { gzip: path.endsWith(".gz") }));
    await write(join(raw, task, "imagesTr", `${name}_0000.nii.gz`), images[0]);
    await write(join(raw, task, "labelsTr", `${name}.nii.gz`), label);
    const by = SHIFTS[name];
    if (by !== undefined) await write(join(predictions, `${name}.nii.gz`), moved(label, by));
  }
  const dataset = formatDatasetJson({
    name: "<Head>",
    modality: new Map([[0, "T1"]]),
    labels: new Map(LABELS.entries()),
    training: cases.map((name) => ({ image: `./imagesTr/${name}.nii.gz`, label: `./labelsTr/${name}.nii.gz` })),
    test: [],
  });
  writeFileSync(join(raw, task, "dataset.json"), dataset);
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function openReport(file: string, colorScheme: "light" | "dark" = "light") {
  const page = await browser.newPage({ viewport: { width: 1000, height: 700 }, colorScheme });
  const url = pathToFileURL(file).href;
  const complaints = watchPage(page, url);
  await page.goto(url);
  return { page, complaints };
}

/** How many different colours the turnable picture has. */
function colorsDrawn(page: Page): Promise<number> {
  return page.locator("#surface canvas").evaluate((canvas: HTMLCanvasElement) => {
    const copy = document.createElement("canvas");
    copy.width = 100;
    copy.height = 60;
    const context = copy.getContext("2d") as CanvasRenderingContext2D;
    context.drawImage(canvas, 0, 0, 100, 60);
    return new Set(new Uint32Array(context.getImageData(0, 0, 100, 60).data.buffer)).size;
  });
}

test("comes without plans and predictions too, and says what to run", async () => {
  const file = join(folder, "early.html");
  const { code, stderr } = await runCli([
    "report",
    "-t",
    "42",
    ...folders,
    "-o",
    file,
    "--no-progress",
    "--workers",
    "1",
  ]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const { page, complaints } = await openReport(file, "dark");
  expect(await page.textContent("h1")).toBe(`${task}: <Head>`);
  expect(await page.textContent("#plan")).toContain("nnprep plan-and-preprocess -t 42");
  expect(await page.textContent("#predictions")).toContain("--predictions");
  expect(await page.textContent("#cases")).toContain("nnprep preprocess -t 42");
  expect(await page.textContent("#check")).toContain("3 training and 0 test cases checked: nothing wrong");
  expect(await page.locator("#cases img").count()).toBe(9);
  expect(complaints).toEqual({ errors: [], foreign: [] });
  await page.close();
});

test("shows plans, slices before and after, the worst prediction first, and surfaces that turn", async () => {
  const prepared = await runCli(["plan-and-preprocess", "-t", "42", ...folders, "--no-progress", "--workers", "1"]);
  expect(prepared.code).toBe(0);
  const file = join(folder, "report.html");
  const { code, stderr } = await runCli([
    ...["report", "-t", "42", ...folders, "--predictions", predictions, "-o", file],
    ...["--pictures", "2", "--no-progress", "--workers", "1"],
  ]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(statSync(file).size).toBeLessThan(4e6);
  const { page, complaints } = await openReport(file);
  expect(await page.textContent("#plan")).toMatch(/The target spacing is the median.*mean and standard deviation/s);
  // Two cases with pictures, three planes before and after.
  expect(await page.locator("#cases img").count()).toBe(12);
  const broken = await page
    .locator("img")
    .evaluateAll((all) => all.filter((img) => !(img as HTMLImageElement).naturalWidth).length);
  expect(broken).toBe(0);

  const rows = await page.locator("#predictions tbody tr").allInnerTexts();
  const found = rows.map((row) => row.trim().split(/\s+/));
  const expected = ["case_b", "case_a"].map((name) => {
    const { label } = phantoms[cases.indexOf(name)];
    const pair = { prediction: moved(label, SHIFTS[name]).data, reference: label.data, shape: label.shape };
    const { confusions } = compareLabels(pair, [1, 2, 3]);
    return [name, ...confusions.map((confusion) => overlapMetrics(confusion).Dice.toFixed(3))];
  });
  expect(found.slice(1).map(([name, , ...dice]) => [name, ...dice])).toEqual(expected);
  expect(await page.locator("#predictions figure").count()).toBe(12);

  // The worst case is the one to turn.
  expect(await page.textContent("#surfaces")).toContain("case_b");
  const canvas = page.locator("#surface canvas");
  await canvas.scrollIntoViewIfNeeded();
  await expect.poll(() => colorsDrawn(page)).toBeGreaterThan(50);
  const before = await canvas.screenshot();
  await canvas.focus();
  for (let i = 0; i < 4; i++) await page.keyboard.press("ArrowRight");
  expect((await canvas.screenshot()).equals(before)).toBe(false);
  for (const box of await page.locator("#surface-labels input[type=checkbox]").all()) await box.uncheck();
  await expect.poll(() => colorsDrawn(page)).toBe(1);

  await page.screenshot({ path: join(pictures, "report.png"), fullPage: true });
  expect(complaints).toEqual({ errors: [], foreign: [] });
  await page.close();
});

test("says what is wrong with its arguments before it reads a case", async () => {
  const file = join(folder, "not.html");
  // With progress, of which every case that is read leaves a line.
  const report = async (...more: string[]) => {
    const { code, stderr } = await runCli(["report", "-t", "42", ...folders, "-o", file, "--workers", "1", ...more]);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    return { code, stderr };
  };
  const unknown = await report("--case", "nobody");
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain("has no such training case; it has case_a, case_b, case_c");
  const nowhere = await report("--predictions", join(folder, "nowhere"));
  expect(nowhere.code).toBe(1);
  expect(nowhere.stderr).toContain("nowhere: there is no such folder");
  const empty = join(folder, "empty");
  mkdirSync(empty);
  const nothing = await report("--predictions", empty);
  expect(nothing.code).toBe(1);
  expect(nothing.stderr).toContain("empty: neither summary.json nor predictions");
  const unreferenced = await report("--predictions", predictions, "--ref", join(folder, "no-labels"));
  expect(unreferenced.code).toBe(1);
  expect(unreferenced.stderr).toContain("no-labels: there is no such folder; give the folder of the references");
  writeFileSync(join(empty, "summary.json"), "{");
  const damaged = await report("--predictions", empty);
  expect(damaged.code).toBe(1);
  expect(damaged.stderr).toContain("summary.json");
  const intoFolder = await runCli(["report", "-t", "42", ...folders, "-o", empty]);
  expect(intoFolder.code).toBe(2);
  expect(intoFolder.stderr).toContain("is a folder; give the name of the file");
  expect(() => readFileSync(file)).toThrow();
});
