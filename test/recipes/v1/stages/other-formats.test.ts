import { expect, test } from "vitest";
import { readVolume, writeVolume } from "../../../../src/io/formats.js";
import { loadVolume } from "../../../../src/recipes/scan-files.js";
import { loadArrays, loadProperties } from "../../../../src/recipes/v1/stages/case-files.js";
import { cropDataset } from "../../../../src/recipes/v1/stages/crop.js";
import type { Task } from "../../../../src/recipes/v1/stages/task.js";
import { verifyDataset } from "../../../../src/recipes/v1/stages/verify-task.js";
import { LocalExecutor } from "../../../../src/runner/local-executor.js";
import { MemoryStore } from "../../../../src/runner/memory-store.js";
import { MR_TASK, taskFiles } from "./tiny-task.js";

function open(files: ReadonlyMap<string, Uint8Array>): Task & { stores: { raw: MemoryStore; cropped: MemoryStore } } {
  const stores = {
    raw: new MemoryStore(new Map(files), "raw"),
    cropped: new MemoryStore([], "cropped"),
    preprocessed: new MemoryStore([], "preprocessed"),
  };
  return { stores, executor: new LocalExecutor(stores) };
}

/** The same task with its images as .nrrd and its labels as .mha. */
async function inOtherFormats(files: ReadonlyMap<string, Uint8Array>): Promise<Map<string, Uint8Array>> {
  const result = new Map<string, Uint8Array>();
  for (const [path, bytes] of files) {
    if (path.endsWith(".json")) {
      const text = new TextDecoder().decode(bytes);
      const changed = text
        .replaceAll(/(imagesTr\/\w+)\.nii\.gz/g, "$1.nrrd")
        .replaceAll(/(labelsTr\/\w+)\.nii\.gz/g, "$1.mha");
      result.set(path, new TextEncoder().encode(changed));
      continue;
    }
    const name = path.replace(".nii.gz", path.startsWith("images") ? ".nrrd" : ".mha");
    result.set(name, await writeVolume(name, await readVolume(path, bytes)));
  }
  return result;
}

test("a task of .nrrd and .mha files is verified and cropped like one of .nii.gz files", async () => {
  const files = await taskFiles(MR_TASK);
  const [nifti, other] = [open(files), open(await inOtherFormats(files))];
  expect(await verifyDataset(other)).toEqual({ trainingCases: 3, testCases: 0, findings: [] });
  for (const task of [nifti, other]) expect((await cropDataset(task)).every(({ ok }) => ok)).toBe(true);
  for (const id of Object.keys(MR_TASK.cases)) {
    const read = async ({ stores: { cropped } }: typeof nifti) => [
      await loadArrays(cropped, id),
      { ...(await loadProperties(cropped, id)), list_of_data_files: [], seg_file: null },
      { ...(await loadVolume(cropped, `gt_segmentations/${id}.nii.gz`)), niftiForms: undefined },
    ];
    expect(await read(other)).toEqual(await read(nifti));
  }
});

test("missing, stray and doubtful files of other formats are findings", async () => {
  const files = await inOtherFormats(await taskFiles(MR_TASK));
  files.delete("imagesTr/mr_1_0001.nrrd");
  files.set("imagesTr/mr_2_0002.nrrd", new Uint8Array(1));
  files.set("labelsTr/mr_9.mha", new Uint8Array(1));
  const label = files.get("labelsTr/mr_3.mha") as Uint8Array;
  const text = new TextDecoder("latin1").decode(label).replace(/Offset = [^\n]*\n/, "");
  files.set(
    "labelsTr/mr_3.mha",
    Uint8Array.from(text, (c) => BYTES.indexOf(c)),
  );
  const { findings } = await verifyDataset(open(files));
  expect(findings.map(({ kind, file }) => `${kind} ${file}`)).toEqual([
    "missing-file imagesTr/mr_1_0001.nrrd",
    "stray-file imagesTr/mr_2_0002.nrrd",
    "stray-file labelsTr/mr_9.mha",
    "doubtful-header labelsTr/mr_3.mha",
    "geometry-mismatch imagesTr/mr_3_0000.nrrd",
    "geometry-mismatch imagesTr/mr_3_0001.nrrd",
  ]);
});

/** What "latin1" (windows-1252 in browsers) makes of every byte. */
const BYTES = new TextDecoder("latin1").decode(Uint8Array.from({ length: 256 }, (_, i) => i));
