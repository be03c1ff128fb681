import { execFile, execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Volume } from "../../src/core/volume.js";
import { writeVolume } from "../../src/io/formats.js";
import { formatSlice, seriesSlices } from "../generated/dicom-files.js";
import { writeTask } from "../recipes/v1/stages/tiny-folder.js";
import { CT_TASK } from "../recipes/v1/stages/tiny-task.js";
import { type CliResult, runCli } from "./run-cli.js";

/* Files that are no files, devices that are full, limits and rights that are missing: said in a line, never a trace. */

vi.setConfig({ testTimeout: 30_000 });

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const volume: Volume = {
  data: Int16Array.from({ length: 60 }, (_, i) => i),
  shape: [3, 4, 5],
  geometry: { spacingMm: [1, 1, 1], originMm: [0, 0, 0], direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] },
};

let root: string;
const at = (...parts: string[]) => join(root, ...parts);
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "nnprep-odd-"));
  chmodSync(root, 0o755);
  writeFileSync(at("scan.nii.gz"), await writeVolume("scan.nii.gz", volume));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Neither a trace of the program nor silence. */
function expectLine({ code, stderr, stdout }: CliResult, said: RegExp): void {
  expect(code).toBe(1);
  expect(stdout + stderr).toMatch(said);
  expect(stdout + stderr).not.toMatch(/\n\s+at |file:\/\//);
}

/** A line of a shell in which `nnprep` is the command. */
function shell(line: string, uid?: number): Promise<CliResult> {
  const options = {
    cwd: root,
    timeout: 20_000,
    ...(uid === undefined ? {} : { uid, env: { PATH: process.env.PATH } }),
  };
  const script = `nnprep() { "${process.execPath}" "${MAIN}" "$@"; }; ${line}`;
  return new Promise((resolve) => {
    execFile("bash", ["-c", script], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), signal: error?.signal ?? null, stdout, stderr }),
    );
  });
}

test("links in a circle, to nothing, to the folder itself, and pipes", async () => {
  symlinkSync(at("b"), at("a"));
  symlinkSync(at("a"), at("b"));
  symlinkSync(at("gone"), at("broken.nii.gz"));
  mkdirSync(at("folder"));
  symlinkSync(at("folder"), at("folder", "again"));
  execFileSync("mkfifo", [at("pipe.nii.gz")]);
  const circle = /cannot be read \(ELOOP\); its links run in a circle: remove them/;
  const pipe = /neither a file nor a folder \(a pipe/;
  expectLine(await runCli(["info", at("a")]), circle);
  expectLine(await runCli(["info", at("broken.nii.gz")]), /broken\.nii\.gz: no such file/);
  expectLine(await runCli(["info", at("folder")]), /again: a link to a folder that it lies in .*; remove it/);
  expectLine(await runCli(["info", at("pipe.nii.gz")]), pipe);
  for (const command of ["convert", "view", "to-npz"]) {
    const output = command === "convert" ? [at("out.nii.gz")] : ["-o", at("out")];
    expectLine(await runCli([command, at("a"), ...output]), circle);
    expectLine(await runCli([command, at("pipe.nii.gz"), ...output]), pipe);
  }
  const { stdout } = await runCli(["info", at("a"), at("scan.nii.gz"), "--json"]);
  const { ok, scans } = JSON.parse(stdout);
  expect([ok, scans[0].error.code, scans[1].shape]).toEqual([false, "FILE_NOT_FOUND", [5, 4, 3]]);
});

test("standard output that is full ends with 1 and a line, one that is closed with nothing", async () => {
  for (const words of ["--help", "info scan.nii.gz", "info scan.nii.gz --json", "info --help"]) {
    const { code, stderr } = await shell(`nnprep ${words} > /dev/full`);
    expect([code, stderr]).toEqual([1, "nnprep: standard output cannot be written (ENOSPC)\n"]);
  }
  const { code, stderr } = await shell("set -o pipefail; nnprep --help | true");
  expect([code, stderr]).toEqual([0, ""]);
});

test("64 open files are enough for a folder of 100 slices and for workers", async () => {
  mkdirSync(at("series"));
  for (const [i, slice] of seriesSlices(100).entries()) writeFileSync(at("series", `${i}.dcm`), formatSlice(slice));
  const { code, stdout } = await shell("ulimit -n 64; nnprep info series");
  expect([code, /6 x 4 x 100/.test(stdout)]).toEqual([0, true]);
  await writeTask(at("raw"), CT_TASK);
  const folders = "--raw raw --preprocessed prepared";
  const run = await shell(`ulimit -n 64; nnprep plan-and-preprocess -t 1 ${folders} --workers 2 --no-progress`);
  expect([run.code, run.stderr]).toEqual([0, ""]);
});

test("a scan that may not be read is not called damaged, a folder that may not be written is told at once", async () => {
  cpSync(at("scan.nii.gz"), at("secret.nii.gz"));
  chmodSync(at("secret.nii.gz"), 0);
  mkdirSync(at("locked"), { mode: 0o555 });
  const nobody = process.getuid?.() === 0 ? 65534 : undefined;
  const read = await shell("nnprep info secret.nii.gz", nobody);
  expectLine(read, /cannot be read \(EACCES\); there is no permission: change its mode/);
  expect(read.stdout).not.toMatch(/damaged/);
  expectLine(await shell("nnprep convert scan.nii.gz locked/a.nii.gz", nobody), /locked.*EACCES/);
  const view = await shell("nnprep view scan.nii.gz -o locked/a.png", nobody);
  expectLine(view, /locked.*EACCES/);
});

test("what the decoder prints of damaged pixels does not come between a document and its reader", async () => {
  const bytes = formatSlice({ syntax: "jpegLossless", rows: 9, columns: 17 });
  const table = bytes.findIndex((byte, i) => byte === 0xff && bytes[i + 1] === 0xc4);
  bytes[table + 1] = 0xe4;
  writeFileSync(at("damaged.dcm"), bytes);
  const { code, stdout, stderr } = await runCli(["info", at("damaged.dcm"), "--json", "--no-progress"]);
  expect([code, stderr]).toEqual([1, ""]);
  expect(JSON.parse(stdout).scans[0].error.message).toMatch(/damaged\.dcm: compressed pixels cannot be decoded/);
});

test("control characters in the names of cases are printed so that no terminal obeys them", async () => {
  const name = "case\x1b]0;evil\x07\x1b[2J\r";
  const folder = at("raw-odd", "Task005_Odd");
  for (const part of ["imagesTr", "labelsTr"]) mkdirSync(join(folder, part), { recursive: true });
  writeFileSync(
    join(folder, "dataset.json"),
    JSON.stringify({
      modality: { 0: "CT" },
      labels: { 0: "background", 1: "liver" },
      training: [{ image: `./imagesTr/${name}.nii.gz`, label: `./labelsTr/${name}.nii.gz` }],
    }),
  );
  writeFileSync(join(folder, "imagesTr", `${name}_0000.nii.gz`), "x");
  writeFileSync(join(folder, "labelsTr", `${name}.nii.gz`), "x");
  const folders = ["--raw", at("raw-odd"), "--preprocessed", at("prepared-odd"), "--cropped", at("cropped-odd")];
  for (const command of ["verify", "plan-and-preprocess"]) {
    const { code, stdout, stderr } = await runCli([command, "-t", "5", ...folders]);
    expect(code).toBe(1);
    expect(stdout + stderr).toContain("case\\x1b]0;evil\\x07\\x1b[2J\\x0d");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
    expect(stdout).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f]/);
  }
});
