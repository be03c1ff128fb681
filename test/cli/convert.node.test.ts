import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Volume } from "../../src/core/volume.js";
import { readVolume, writeVolume } from "../../src/io/formats.js";
import { formatNifti } from "../../src/io/nifti.js";
import { readNpz } from "../../src/io/npz.js";
import { formatSlice, seriesSlices } from "../generated/dicom-files.js";
import { tinyCase } from "../recipes/v1/stages/tiny-task.js";
import { hashFolder, runCli, startCli, until } from "./run-cli.js";

// Every run starts a process, and those on tasks several.
vi.setConfig({ testTimeout: 30_000 });

const OBLIQUE = [0.8, -0.6, 0, 0.6, 0.8, 0, 0, 0, 1] as const;
const { images, label } = tinyCase({ shape: [12, 14, 16], spacingMm: [2, 1, 1.5] }, 2, 1);
const place = (volume: Volume): Volume => ({ ...volume, geometry: { ...volume.geometry, direction: OBLIQUE } });
const [first, second] = images.map(place) as [Volume, Volume];

let root: string;
const at = (...parts: string[]) => join(root, ...parts);
const read = (name: string) => readVolume(name, readFileSync(at(name)));

async function put(name: string, volume: Volume): Promise<void> {
  mkdirSync(dirname(at(name)), { recursive: true });
  writeFileSync(at(name), await writeVolume(name, volume));
}

function putSeries(folder: string, count: number, series: string, instances = 0): void {
  mkdirSync(at(folder), { recursive: true });
  for (const [i, slice] of seriesSlices(count, { series }).entries()) {
    const bytes = formatSlice({ ...slice, instance: instances + i + 1 });
    writeFileSync(at(folder, `${series}-${i}.dcm`), bytes);
  }
}

/** The label with its rows stored from back to front: the same places, another array. */
function flippedLabel(): Volume {
  const [, n1, n2] = label.shape;
  const flipped = label.data.slice();
  for (let i = 0; i < flipped.length; i += n2) {
    const row = Math.floor(i / n2);
    const to = (row - (row % n1) + n1 - 1 - (row % n1)) * n2;
    flipped.set(label.data.subarray(i, i + n2) as never, to);
  }
  const { spacingMm, originMm, direction: d } = place(label).geometry;
  const length = (n1 - 1) * spacingMm[1];
  const back = {
    spacingMm,
    originMm: originMm.map((x, row) => x + length * d[3 * row + 1]) as unknown as typeof originMm,
    direction: d.map((x, i) => (i % 3 === 1 ? -x : x)) as unknown as typeof d,
  };
  return { data: flipped, shape: label.shape, geometry: back };
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "nnprep-convert-"));
  await put("scan.nii.gz", first);
  await put("second.nrrd", second);
  await put("label.nrrd", place(label));
  await put("flipped.nrrd", flippedLabel());
  await put("smaller.mha", { ...first, data: first.data.slice(0, 480), shape: [12, 8, 5] });
  putSeries("two_series", 3, "1.2.5");
  putSeries("two_series", 4, "1.2.6", 10);
  putSeries("gap", 5, "1.2.7");
  rmSync(at("gap", "1.2.7-2.dcm"));
  writeFileSync(at("broken.nii.gz"), readFileSync(at("scan.nii.gz")).subarray(0, 500));
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

async function json(parameters: readonly string[]) {
  const { code, stdout, stderr } = await runCli([...parameters, "--json", "--no-progress"]);
  return { code, stderr, document: JSON.parse(stdout) };
}

test("info tells shape, spacing, axes, type, range and series", async () => {
  const { code, document } = await json(["info", at("scan.nii.gz"), at("two_series")]);
  expect(code).toBe(0);
  const [scan, folder] = document.scans;
  expect(scan).toMatchObject({ shape: [16, 14, 12], spacing: [1.5, 1, 2], axes: "LPS", dtype: "int16" });
  expect(scan.origin).toEqual([-10, 5, 30]);
  expect(scan.range).toEqual([Math.min(...first.data), Math.max(...first.data)]);
  expect(folder.series.map((s: { slices: number }) => s.slices).sort()).toEqual([3, 4]);
});

test("from format to format values and place stay the same", async () => {
  const names = ["scan.nii.gz", "a/scan.mha", "a/scan.nrrd", "a/scan.nii", "a/again.nii.gz"];
  for (const [i, name] of names.slice(1).entries()) {
    const { code, document } = await json(["convert", at(names[i]), at(name)]);
    expect(code).toBe(0);
    expect(document).toMatchObject({ ok: true, shape: [16, 14, 12], dtype: "int16" });
  }
  const expected = await read("scan.nii.gz");
  for (const name of names.slice(1)) {
    const { data, shape, geometry } = await read(name);
    expect(data).toEqual(expected.data);
    expect(shape).toEqual(expected.shape);
    for (const key of ["spacingMm", "originMm", "direction"] as const) {
      for (const [i, value] of geometry[key].entries()) expect(value).toBeCloseTo(expected.geometry[key][i], 6);
    }
  }
  expect(readdirSync(at("a")).sort()).toEqual(["again.nii.gz", "scan.mha", "scan.nii", "scan.nrrd"]);
});

test("--like puts a label on its scan's grid: placed, or turned where its rows run the other way", async () => {
  const scan = await read("scan.nii.gz");
  await put("nowhere.mha", { ...label, geometry: { ...label.geometry, originMm: [0, 0, 0] } });
  const placed = await json(["convert", at("nowhere.mha"), at("placed.nii.gz"), "--like", at("scan.nii.gz")]);
  expect(placed.code).toBe(0);
  expect(placed.document.warnings.join()).toContain("replaced");
  const result = await read("placed.nii.gz");
  expect(result.geometry).toEqual(scan.geometry);
  expect(result.data).toEqual(label.data);

  const turned = await json(["convert", at("flipped.nrrd"), at("turned.nii.gz"), "--like", at("scan.nii.gz")]);
  expect(turned.document.warnings.join()).toContain("reordered");
  expect((await read("turned.nii.gz")).data).toEqual(label.data);
  expect((await read("turned.nii.gz")).geometry).toEqual(scan.geometry);
});

test("a DICOM folder: --series chooses, doubts are refused unless allowed", async () => {
  const several = await json(["convert", at("two_series"), at("d/x.nii.gz")]);
  expect(several.code).toBe(1);
  expect(several.document.error.message).toContain("1.2.6");
  const info = await json(["info", at("two_series")]);
  const four = info.document.scans[0].series.find((s: { slices: number }) => s.slices === 4);
  const chosen = await json(["convert", at("two_series"), at("d/four.nii.gz"), "--series", four.id]);
  expect(chosen.document).toMatchObject({ ok: true, shape: [6, 4, 4], spacing: [0.7, 0.5, 2.5] });
  const gap = await json(["convert", at("gap"), at("d/gap.nii.gz")]);
  expect(gap.code).toBe(1);
  expect(gap.document.error.message).toContain(at("gap"));
  expect(existsSync(at("d", "gap.nii.gz"))).toBe(false);
  const allowed = await json(["convert", at("gap"), at("d/gap.nii.gz"), "--allow", "gap"]);
  expect(allowed.code).toBe(0);
  expect(allowed.document.warnings).not.toEqual([]);
});

test("--to-task by a pattern: DICOM and NRRD become a task that is verified", async () => {
  for (const id of ["p1", "p2", "p3"]) {
    await put(`scans/${id}/T1.nrrd`, first);
    await put(`scans/${id}/T2.mha`, second);
    await put(`labels/${id}.nrrd`, place(label));
  }
  const description = {
    modality: { 0: "T1", 1: "T2" },
    labels: { 0: "background", 1: "a", 2: "b" },
    training: { images: ["scans/{id}/T1.nrrd", "scans/{id}/T2.mha"], label: at("labels/{id}.nrrd") },
    test: { ids: ["p3"] },
  };
  writeFileSync(at("pattern.json"), JSON.stringify(description));
  const call = ["convert", "--to-task", "Task510_Pattern", "--description", at("pattern.json"), "--raw", at("raw")];
  const { code, document } = await json([...call, "--workers", "1"]);
  expect(code).toBe(0);
  expect(document.tasks[0].verify).toMatchObject({ trainingCases: 2, testCases: 1, findings: [] });
  expect(Object.keys(hashFolder(at("raw", "Task510_Pattern")))).toEqual(
    [
      "dataset.json",
      ...["p3_0000", "p3_0001"].map((name) => `imagesTs/${name}.nii.gz`),
      ...["p1_0000", "p1_0001", "p2_0000", "p2_0001"].map((name) => `imagesTr/${name}.nii.gz`),
      ...["p1", "p2"].map((name) => `labelsTr/${name}.nii.gz`),
    ].sort(),
  );
  expect((await read("raw/Task510_Pattern/imagesTr/p1_0001.nii.gz")).data).toEqual(second.data);
  // A second run touches nothing and says what to do.
  const again = await json(call);
  expect(again.code).toBe(1);
  expect(again.document.error.message).toMatch(/Task510_Pattern.*remove/);
});

test("a pattern that ends with {id} takes scans of any name, and no note that lies beside them", async () => {
  for (const id of ["p1", "p2"]) {
    await put(`noted/scans/${id}.nrrd`, first);
    renameSync(at(`noted/scans/${id}.nrrd`), at(`noted/scans/${id}`));
    await put(`noted/labels/${id}.nrrd`, place(label));
    renameSync(at(`noted/labels/${id}.nrrd`), at(`noted/labels/${id}`));
  }
  for (const folder of ["noted/scans", "noted/labels"]) writeFileSync(at(folder, "MANIFEST.md"), "# What lies here\n");
  const description = {
    modality: { 0: "T1" },
    labels: { 0: "background", 1: "a", 2: "b" },
    training: { images: ["noted/scans/{id}"], label: "noted/labels/{id}" },
  };
  writeFileSync(at("notes.json"), JSON.stringify(description));
  const call = ["convert", "--to-task", "Task519_Notes", "--description", at("notes.json"), "--raw", at("raw")];
  const { code, document } = await json([...call, "--workers", "1"]);
  expect(code).toBe(0);
  expect(document.tasks[0].verify).toMatchObject({ trainingCases: 2, findings: [] });
});

test("labels without their scan are named, all of them, before anything is converted", async () => {
  for (const id of ["q1", "q2", "q3"]) await put(`half/labels/${id}.nii.gz`, label);
  await put("half/scans/q1.nii.gz", first);
  const training = { images: ["scans/{id}.nii.gz"], label: "labels/{id}.nii.gz" };
  const description = { modality: { 0: "CT" }, labels: { 0: "background", 1: "a", 2: "b" }, training };
  writeFileSync(at("half", "half.json"), JSON.stringify(description));
  const parameters = ["--to-dataset", "Dataset512_Half", "--description", at("half", "half.json"), "--raw", at("raw")];
  const { code, document } = await json(["convert", ...parameters]);
  expect([code, existsSync(at("raw", "Dataset512_Half"))]).toEqual([1, false]);
  expect(document.error.message).toContain(
    "labels/{id}.nii.gz finds cases that lack a scan: q2 (scans/q2.nii.gz), q3 (scans/q3.nii.gz); add the files",
  );
});

test("Ctrl-C while the finished task is checked says that it is complete, and what checks it", async () => {
  // Many cases, so that their check lasts longer than the signal takes to arrive.
  const training = Array.from({ length: 60 }, (_, i) => {
    return { id: `c${i}`, images: [at("scans/p1/T1.nrrd")], label: at("labels/p1.nrrd") };
  });
  const labels = { 0: "background", 1: "a", 2: "b" };
  writeFileSync(at("many.json"), JSON.stringify({ modality: { 0: "T1" }, labels, training }));
  const call = ["convert", "--to-task", "Task514_Stopped", "--description", at("many.json"), "--raw", at("raw")];
  const { child, done } = startCli([...call, "--workers", "1", "--no-progress"]);
  await until(() => existsSync(at("raw/Task514_Stopped/dataset.json")));
  child.kill("SIGINT");
  const { code, stderr } = await done;
  expect(code).toBe(130);
  expect(stderr).toContain(
    `Task514_Stopped: the task is complete, but was not checked; run "nnprep verify -t 514 --raw`,
  );
  expect(stderr).not.toContain("again");
  const verified = await json(["verify", "-t", "514", "--raw", at("raw"), "--workers", "1"]);
  expect(verified.code).toBe(0);
});

test("--to-task by a list: a label with turned axes is brought onto its scan; a bad file leaves no task", async () => {
  const training = [
    { id: "n1", images: ["scan.nii.gz"], label: "flipped.nrrd" },
    { id: "n2", images: [at("scan.nii.gz")], label: "label.nrrd" },
  ];
  const description = { modality: { 0: "CT" }, labels: { 0: "background", 1: "a", 2: "b" }, training };
  writeFileSync(at("list.json"), JSON.stringify(description));
  const call = (json: string) => [
    "convert",
    "--to-task",
    "Task511_List",
    "--description",
    at(json),
    "--raw",
    at("raw"),
  ];
  const bad = { ...description, training: [...training, { id: "n3", images: ["broken.nii.gz"], label: "label.nrrd" }] };
  writeFileSync(at("bad.json"), JSON.stringify(bad));
  const failed = await json(call("bad.json"));
  expect(failed.code).toBe(1);
  expect(failed.document.error.message).toContain("broken.nii.gz");
  expect(existsSync(at("raw", "Task511_List"))).toBe(false);
  const { code, document, stderr } = await json([...call("list.json"), "--workers", "1"]);
  expect(code).toBe(0);
  expect(stderr).toContain("reordered");
  expect(document.tasks[0].verify.findings).toEqual([]);
  expect((await read("raw/Task511_List/labelsTr/n1.nii.gz")).data).toEqual(label.data);
  // What a killed run leaves is named as such.
  rmSync(at("raw", "Task511_List", "dataset.json"));
  const after = await json(call("list.json"));
  expect(after.code).toBe(1);
  expect(after.document.error.message).toContain("no dataset.json");
});

test("--from-msd splits 4-D files into channels", async () => {
  const folder = at("Task01_Tiny");
  for (const name of ["imagesTr", "labelsTr"]) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, "imagesTr", "c1.nii.gz"), await formatChannels([first, second]));
  writeFileSync(join(folder, "labelsTr", "c1.nii.gz"), await formatNifti(place(label), { gzip: true }));
  const dataset = {
    name: "Tiny",
    modality: { 0: "T1", 1: "T2" },
    labels: { 0: "background", 1: "a", 2: "b" },
    numTraining: 1,
    numTest: 0,
    tensorImageSize: "4D",
    training: [{ image: "./imagesTr/c1.nii.gz", label: "./labelsTr/c1.nii.gz" }],
    test: [],
  };
  writeFileSync(join(folder, "dataset.json"), JSON.stringify(dataset));
  const { code, document } = await json(["convert", "--from-msd", folder, "--raw", at("raw"), "--task-id", "512"]);
  expect(code).toBe(0);
  expect(document.tasks[0].task).toBe("Task512_Tiny");
  expect((await read("raw/Task512_Tiny/imagesTr/c1_0000.nii.gz")).data).toEqual(first.data);
  expect((await read("raw/Task512_Tiny/imagesTr/c1_0001.nii.gz")).data).toEqual(second.data);
});

/** A 4-D NIfTI file: the header of a 3-D one with another dim, and all voxels behind it. */
async function formatChannels(volumes: readonly Volume[]): Promise<Uint8Array> {
  const parts = await Promise.all(volumes.map((volume) => formatNifti(volume, { gzip: false })));
  const head = (parts[0] as Uint8Array).slice(0, 352);
  const view = new DataView(head.buffer);
  view.setInt16(40, 4, true);
  view.setInt16(48, volumes.length, true);
  return Buffer.concat([head, ...parts.map((part) => part.subarray(352))]);
}

test("to-npz and to-nifti: whole or cropped, the scan comes back", async () => {
  const sources = [at("scan.nii.gz"), at("second.nrrd"), "--label", at("label.nrrd")];
  for (const crop of [false, true]) {
    const name = crop ? "cropped" : "whole";
    const made = await json(["to-npz", ...sources, "-o", at(`${name}.npz`), ...(crop ? ["--crop"] : [])]);
    expect(made.code).toBe(0);
    const { data } = Object.fromEntries(await readNpz(readFileSync(at(`${name}.npz`))));
    expect(data?.data).toBeInstanceOf(Float32Array);
    expect(data?.shape).toEqual(made.document.shape);
    if (crop) expect(data?.data.length).toBeLessThan(3 * label.data.length);
    else expect(data?.shape).toEqual([3, 12, 14, 16]);
    const { code, document } = await json(["to-nifti", at(`${name}.npz`), "-o", at("back", name)]);
    expect(code).toBe(0);
    expect(document.files).toEqual(["_0000", "_0001", ""].map((end) => at("back", `${name}${end}.nii.gz`)));
    const expected = [first, second, place(label)];
    for (const [i, end] of ["_0000", "_0001", ""].entries()) {
      const volume = await read(`back/${name}${end}.nii.gz`);
      expect(Array.from(volume.data)).toEqual(Array.from(expected[i]?.data as Int16Array));
      expect(volume.geometry).toEqual((await read("scan.nii.gz")).geometry);
    }
  }
});

test.each([
  [["convert", "broken.nii.gz", "out/x.mha"], "broken.nii.gz"],
  [["convert", "missing.nii.gz", "out/x.mha"], "missing.nii.gz: no such file"],
  [["convert", "two_series", "out/x.nii.gz", "--series", "9.9"], "9.9"],
  [["convert", "scan.nii.gz", "out/x.nii.gz", "--like", "smaller.mha"], "scan.nii.gz"],
  [["to-npz", "scan.nii.gz", "broken.nii.gz", "-o", "out/x.npz"], "broken.nii.gz"],
  [["to-npz", "scan.nii.gz", "smaller.mha", "-o", "out/x.npz"], "smaller.mha"],
  [["to-nifti", "missing.npz", "-o", "out/"], "missing.pkl"],
  [["to-nifti", "damaged.npz", "-o", "out/"], "damaged.npz"],
])("%j fails with 1, names the file and writes nothing", async (parameters, text) => {
  writeFileSync(at("damaged.npz"), readFileSync(at("whole.npz")).subarray(0, 700));
  writeFileSync(at("damaged.pkl"), readFileSync(at("whole.pkl")));
  const isName = /\.(nii\.gz|mha|npz)$|^two_series$|^out/;
  const { code, stderr } = await runCli(parameters.map((word) => (isName.test(word) ? at(word) : word)));
  expect(code).toBe(1);
  expect(stderr).toContain(text);
  expect(stderr).not.toContain("    at ");
  expect(existsSync(at("out")) ? readdirSync(at("out")) : []).toEqual([]);
});

test("errors as JSON: convert tells its files too", async () => {
  const [input, output] = [at("broken.nii.gz"), at("out/x.mha")];
  const { code, stderr, document } = await json(["convert", input, output]);
  expect([code, stderr]).toEqual([1, ""]);
  expect(Object.keys(document)).toEqual(["command", "ok", "seconds", "input", "output", "error"]);
  expect(document).toMatchObject({ command: "convert", ok: false, input, output, error: { code: "CORRUPT_FILE" } });
  const other = await json(["to-nifti", at("missing.npz")]);
  expect(other.code).toBe(1);
  expect(Object.keys(other.document)).toEqual(["command", "ok", "seconds", "error"]);
});

test.each([
  [["convert"], "input"],
  [["convert", "a.nii.gz", "b.png"], "b.png"],
  [["convert", "a.nii.gz", "b.nii.gz", "--allow", "everything"], "gap"],
  [["convert", "--to-task", "Liver", "--description", "x.json", "--raw", "."], "Task510_Liver"],
  [["convert", "--to-task", "Task510_Liver", "--raw", "."], "--description"],
  [["convert", "--from-msd", "Liver", "--raw", "."], "Task01_BrainTumour"],
  [["to-npz", "a.nii.gz"], "--output"],
  [["to-npz", "-o", "x.npz"], "image"],
  [["to-nifti", "a.nii.gz"], "CASE.npz"],
  [["info"], "file"],
])("wrong usage %j ends with 2", async (parameters, text) => {
  const { code, stdout, stderr } = await runCli(parameters);
  expect(code).toBe(2);
  expect(stderr).toContain(text);
  expect(stdout).toBe("");
});
