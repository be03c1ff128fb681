// npm run bench:dicom -- [ZIP] [--python PYTHON]
//
// Time and peak memory of reading one DICOM series (default: ../shared/cases/mr08_7T_head_40M/dicom.zip, 384 slices,
// 40 M voxels; it is no part of this repository) from the zip archive and from a folder, beside SimpleITK and pydicom
// on the folder. Each reading in a process of its own, in alternation; the quickest of three counts. For Python, the
// packages of test/oracle/requirements.txt.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, openAsBlob, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readDicomSeries } from "../src/io/dicom.js";
import { scanFileFromBlob } from "../src/io/scan-file.js";
import { membersOfZip } from "../src/io/zip-files.js";

interface Reading {
  readonly shape: readonly number[];
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

const open = async (path: string) => scanFileFromBlob(await openAsBlob(path), path);

async function readHere(path: string): Promise<Reading> {
  const names = statSync(path).isDirectory() ? readdirSync(path).map((name) => join(path, name)) : [path];
  const start = performance.now();
  const before = process.cpuUsage();
  const { volume } = await readDicomSeries(await Promise.all(names.map(open)));
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - start) / 1000;
  const peakMiB = process.resourceUsage().maxRSS / 1024;
  return { shape: volume.shape, seconds, cpuSeconds: (user + system) / 1e6, peakMiB };
}

function readElsewhere(command: string, args: readonly string[]): Reading {
  const { stdout, stderr, status } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}`);
  return JSON.parse(stdout) as Reading;
}

async function compare(zip: string, python: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "nnprep-bench-dicom-"));
  try {
    mkdirSync(join(folder, "s"));
    for (const file of await membersOfZip(await open(zip))) {
      writeFileSync(join(folder, "s", basename(file.name)), await file.read());
    }
    const self = fileURLToPath(import.meta.url);
    const script = "bench/dicom_series.py";
    const readers: Record<string, () => Reading> = {
      "nnprep, zip": () => readElsewhere(process.execPath, [self, zip, "--read"]),
      "nnprep, folder": () => readElsewhere(process.execPath, [self, join(folder, "s"), "--read"]),
      "SimpleITK, folder": () => readElsewhere(python, [script, "SimpleITK", join(folder, "s")]),
      "pydicom, folder": () => readElsewhere(python, [script, "pydicom", join(folder, "s")]),
    };
    const readings = new Map<string, Reading[]>();
    for (let round = 0; round < 3; round++) {
      for (const [name, read] of Object.entries(readers)) readings.set(name, [...(readings.get(name) ?? []), read()]);
    }
    for (const [name, all] of readings) {
      const least = (key: "seconds" | "cpuSeconds" | "peakMiB") => Math.min(...all.map((reading) => reading[key]));
      console.log(
        `${name.padEnd(18)} ${least("seconds").toFixed(2)} s, ${least("cpuSeconds").toFixed(2)} s of processor, peak ${Math.round(Math.max(...all.map((x) => x.peakMiB)))} MiB, ${all[0]?.shape.join(" x ")}`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { python: { type: "string" }, read: { type: "boolean" } },
});
const path = resolve(positionals[0] ?? "../shared/cases/mr08_7T_head_40M/dicom.zip");
if (!existsSync(path)) throw new Error(`no ${path}: give a zip archive with a DICOM series`);
if (values.read) console.log(JSON.stringify(await readHere(path)));
else await compare(path, values.python ?? "python3");
