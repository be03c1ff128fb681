// node test/oracle/dicom-conformance.mjs [SCANS] [--python PYTHON] [--folder FOLDER]
//
// Reads every DICOM case of SCANS (default ../shared/cases) with nnprep and compares voxels, their type and the geometry
// with SimpleITK's series reader and the voxels with pydicom; what has to be refused has to be refused with the right
// code. Needs Python with SimpleITK 2.5, pydicom 3, pylibjpeg, pylibjpeg-libjpeg and pylibjpeg-openjpeg.
import { spawnSync } from "node:child_process";
import { mkdirSync, openAsBlob, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { readScanPath, scanFileFromBlob, writeVolume } from "../../dist/node.js";
import { readDicomSeries } from "../../dist/public/io.js";
import { matchGrid } from "../../dist/public/steps.js";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { python: { type: "string" }, folder: { type: "string" } },
});
const scans = resolve(positionals[0] ?? "../shared/cases");
const folder = resolve(options.folder ?? ".cache/dicom-conformance");

/** Path, and what is allowed or the code that is expected. */
const CASES = [
  ["bad02_gantry_tilt", { code: "GEOMETRY_MISMATCH", options: "tilt" }],
  ["bad02_gantry_tilt", { allow: ["tilt"] }],
  ["bad03_slice_increment_ge", { code: "GEOMETRY_MISMATCH", options: "gap" }],
  ["bad03_slice_increment_ge", { allow: ["gap"] }],
  ["bad_dicom", { code: "CORRUPT_FILE" }],
  ["ct04_ts_dicom_j2k/dicom", { label: "ct04_ts_dicom_j2k/seg.nii.gz" }],
  ...["implicit", "uncompressed", "rle", "jpeg_lossless", "jpegls", "j2k"].map((x) => [`dicom_codecs/mr_${x}`, {}]),
  ["dicom_codecs/rgb_j2k", { code: "UNSUPPORTED", options: "colour" }],
  ["dicom_codecs/rgb_j2k", { allow: ["colour"] }],
  ["mr08_7T_head_40M/dicom.zip", {}],
  ...readdirSync(join(scans, "dicom_codecs/ct_one_slice_16_files"))
    .sort()
    .map((name) => [`dicom_codecs/ct_one_slice_16_files/${name}`, {}]),
];

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
let failed = 0;
for (const [index, [path, { allow = [], code, options: wanted, label }]] of CASES.entries()) {
  const full = join(scans, path);
  const names = statSync(full).isDirectory() ? readdirSync(full).map((name) => join(full, name)) : [full];
  const files = await Promise.all(names.map(async (name) => scanFileFromBlob(await openAsBlob(name), name)));
  try {
    const { volume, warnings } = await readDicomSeries(files, { allow });
    if (code !== undefined) throw new Error(`read, but ${code} expected`);
    const { data, shape, geometry } = volume;
    const name = String(index).padStart(2, "0");
    writeFileSync(join(folder, `${name}.raw`), new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    const type = data.constructor.name.replace("Array", "").toLowerCase();
    const record = { path, full, allow, shape, type, geometry, warnings };
    if (label !== undefined) {
      record.label = join(scans, label);
      const matched = matchGrid((await readScanPath(record.label)).volume, volume);
      if (matched === null) throw new Error(`${label} does not lie on the grid of the series`);
      record.matched = join(folder, `${name}.nii.gz`);
      writeFileSync(record.matched, await writeVolume(record.matched, matched.volume));
    }
    writeFileSync(join(folder, `${name}.json`), JSON.stringify(record));
  } catch (error) {
    const right = code !== undefined && error.code === code && String(error.detail?.options ?? "") === (wanted ?? "");
    if (!right) failed += 1;
    console.log(
      `${right ? "ok  " : "FAIL"} ${path}: ${error.code ?? "no code"} ${error.message.split("\n").join(" ")}`,
    );
  }
}
const { status } = spawnSync(options.python ?? "python3", ["test/oracle/dicom_series.py", folder], {
  stdio: "inherit",
});
process.exit(failed === 0 && status === 0 ? 0 : 1);
