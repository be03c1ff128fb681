import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { init, type Vec3, type Volume } from "nnprep";
import { formatNifti, readNpz, readVolume } from "nnprep/io";
import { cropCase, preprocessCase, type StageSettings } from "nnprep/v1";
import type { Browser, Page } from "playwright";
import { build } from "vite";
import { expect } from "vitest";
import { launchChromium, watchPage } from "./chromium.js";
import { type ServedFolder, serveFolder } from "./served-folder.js";

/** The page of examples/browser, built and served as a user would, driven as a user would. */

const root = fileURLToPath(new URL("../..", import.meta.url));
export const pictures = join(root, ".cache/pages");

export interface GivenFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface ExamplePage {
  readonly browser: Browser;
  readonly isolated: ServedFolder;
  readonly plain: ServedFolder;
  close(): Promise<void>;
}

/** Builds the page into `build/NAME`, serves it with isolation and without, and starts the browser. */
export async function startExample(name: string): Promise<ExamplePage> {
  await init();
  const outDir = join(root, "build", name);
  await build({ configFile: join(root, "examples/browser/vite.config.ts"), logLevel: "silent", build: { outDir } });
  await mkdir(pictures, { recursive: true });
  const [isolated, plain, browser] = await Promise.all([
    serveFolder(outDir, true),
    serveFolder(outDir, false),
    launchChromium(),
  ]);
  return {
    browser,
    isolated,
    plain,
    async close() {
      await browser.close();
      await isolated.close();
      await plain.close();
    },
  };
}

export async function openPage(
  { browser }: ExamplePage,
  server: ServedFolder,
  viewport = { width: 1360, height: 900 },
) {
  const page = await browser.newPage({ viewport });
  const complaints = watchPage(page, server.url);
  await page.goto(server.url);
  return { page, complaints };
}

/** Drops files on a field, as from a file manager. */
export async function drop(page: Page, field: string, files: readonly GivenFile[]): Promise<void> {
  const plainFiles = files.map(({ name, bytes }) => ({ name, base64: Buffer.from(bytes).toString("base64") }));
  const transfer = await page.evaluateHandle((list) => {
    const data = new DataTransfer();
    for (const { name, base64 } of list) {
      data.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name));
    }
    return data;
  }, plainFiles);
  await page.locator(`[data-for="${field}"]`).dispatchEvent("drop", { dataTransfer: transfer });
}

export const status = (page: Page) => page.locator("#status");

export async function waitFor(page: Page, text: string | RegExp): Promise<void> {
  await page.waitForFunction(() => !document.body.hasAttribute("data-busy"));
  const found = async () => {
    const told = (await status(page).textContent()) ?? "";
    // What went wrong is worth more than that it did.
    return told.startsWith("That did not work") ? `${told} ${await page.getByRole("alert").textContent()}` : told;
  };
  await expect.poll(found, { timeout: 30_000 }).toMatch(text);
}

/** Presses a button and takes what the browser saves. */
export async function saved(page: Page, button: string): Promise<{ name: string; bytes: Uint8Array }> {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click(button)]);
  return { name: download.suggestedFilename(), bytes: new Uint8Array(await readFile(await download.path())) };
}

/** Whether something other than one colour is drawn. */
export async function isDrawn(page: Page, canvas: string): Promise<boolean> {
  const { width, height } = await page.locator(canvas).evaluate((c: HTMLCanvasElement) => c.getBoundingClientRect());
  const bytes = await page.locator(canvas).screenshot();
  return bytes.length > (width * height) / 60;
}

export const nifti = async (name: string, volume: Volume): Promise<GivenFile> => ({
  name,
  bytes: await formatNifti(volume, { gzip: name.endsWith(".gz") }),
});

/** The same preparation in Node, by the package's own functions; `settle` makes the settings from the cropped case. */
export async function prepareInNode(
  images: readonly GivenFile[],
  label: GivenFile | undefined,
  settle: (cropped: ReturnType<typeof cropCase>) => StageSettings,
) {
  const volumes = await Promise.all(images.map(({ name, bytes }) => readVolume(name, bytes)));
  const cropped = cropCase({
    images: volumes,
    label: label && (await readVolume(label.name, label.bytes)),
    files: { images: images.map(({ name }) => name), label: label?.name ?? null },
  });
  return preprocessCase(cropped.arrays, cropped.properties, settle(cropped));
}

export type InNode = Awaited<ReturnType<typeof prepareInNode>>;

/** That the page saved the bits that Node computes. */
export async function expectSameArrays(npz: Uint8Array, { arrays }: InNode): Promise<void> {
  const stack = (await readNpz(npz)).get("data");
  expect(stack?.shape).toEqual([arrays.channels.length + 1, ...arrays.shape]);
  const data = stack?.data as Float32Array;
  const parts = [...arrays.channels, Float32Array.from(arrays.label)];
  const size = arrays.label.length;
  const found = parts.map((_, i) => data.subarray(i * size, (i + 1) * size));
  const bits = (part: Float32Array) => Buffer.from(part.buffer, part.byteOffset, part.byteLength);
  expect(parts.map((part, i) => bits(part).equals(bits(found[i])))).toEqual(parts.map(() => true));
}

export async function setSpacing(page: Page, [z, y, x]: Vec3): Promise<void> {
  for (const [axis, value] of Object.entries({ x, y, z })) await page.fill(`#spacing-${axis}`, String(value));
}
