import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { NnprepError, plainError } from "../core/errors.js";
import { axisCodesOf } from "../core/geometry.js";
import { formatNumber, formatSpacing } from "../core/grid-text.js";
import type { Volume } from "../core/volume.js";
import type { DicomSeries } from "../io/dicom.js";
import { listDicomSeries } from "../io/dicom-on-demand.js";
import { readScanPath, scanFileFromPath, scanFilesInFolder } from "../io/scan-path.js";
import { runCommand } from "./command-runner.js";
import { isFolder } from "./is-folder.js";
import { addScanOptions, readOptions, type ScanOptions } from "./scan-options.js";
import { WHOLE_VOLUME } from "./view-files.js";

interface InfoOptions extends ScanOptions {
  readonly json: boolean;
  readonly progress: boolean;
}

/** What is said of one file or folder; plain values. */
interface ScanInfo {
  readonly file: string;
  /** Voxels, spacing in mm and origin in mm as in the file: fastest axis first; origin in LPS. */
  readonly shape?: readonly number[];
  readonly spacing?: readonly number[];
  readonly origin?: readonly number[];
  readonly direction?: readonly number[];
  /** Towards which side of the patient each axis runs. */
  readonly axes?: string;
  readonly dtype?: string;
  readonly range?: readonly [number, number];
  readonly nonFinite?: number;
  readonly series?: readonly DicomSeries[];
  readonly warnings: readonly string[];
  readonly error?: unknown;
}

export function infoCommand(): Command {
  const command = new Command("info")
    .argument("<file...>", "scans or labels: files of any format that is read, zip archives, folders with DICOM")
    .option("--json", "print one JSON document instead of text", false)
    .option("--no-progress", "no progress bar on stderr")
    .addHelpText("after", "\nExample:\n  $ nnprep info scan.nrrd label.nii.gz dicom_folder\n");
  return addScanOptions(command).action((paths: string[], options: InfoOptions) =>
    runCommand("info", options, async (run) => {
      const files = paths.flatMap(scansOf);
      const bar = run.bar("info", files.length > 1);
      const scans: ScanInfo[] = [];
      for (const [done, file] of files.entries()) {
        bar.show({ stage: "read", done, total: files.length, identifier: file });
        const info = await describe(file, options);
        scans.push(info);
        run.print(`${formatInfo(info)}\n`);
      }
      return { ok: scans.every(({ error }) => error === undefined), text: "", document: { scans } };
    }),
  );
}

/** The scans in a folder of NIfTI, MetaImage or NRRD files; any other path itself, a folder with DICOM too. */
function scansOf(path: string): string[] {
  if (!isFolder(path)) return [path];
  const names = readdirSync(path).filter((name) => WHOLE_VOLUME.test(name) && !name.startsWith("."));
  return names.length === 0 ? [path] : names.sort().map((name) => join(path, name));
}

async function describe(file: string, options: InfoOptions): Promise<ScanInfo> {
  let series: readonly DicomSeries[] | undefined;
  try {
    series = await seriesIn(file);
    if (series !== undefined && series.length > 1 && options.series === undefined) {
      return { file, series, warnings: [`${series.length} series; choose one with --series`] };
    }
    // Looking at a sheared file is how its user learns of it.
    const nifti = { allow: ["sheared"] } as const;
    const { volume, warnings } = await readScanPath(file, { ...readOptions(options), nifti });
    return { file, ...facts(volume), ...(series === undefined ? {} : { series }), warnings };
  } catch (error) {
    if (!(error instanceof NnprepError)) throw error;
    return { file, ...(series === undefined ? {} : { series }), warnings: [], error: plainError(error) };
  }
}

/** The DICOM series of a folder, a zip archive or a DICOM file; undefined for another file. */
async function seriesIn(path: string): Promise<readonly DicomSeries[] | undefined> {
  if (isFolder(path)) return (await listDicomSeries(await scanFilesInFolder(path))).series;
  const file = await scanFileFromPath(path);
  const head = String.fromCharCode(...(await file.read(0, 132)));
  if (!head.startsWith("PK\x03\x04") && !head.endsWith("DICM")) return undefined;
  return (await listDicomSeries([file])).series;
}

function facts({ data, shape, geometry }: Volume): Omit<ScanInfo, "file" | "warnings"> {
  let [low, high, nonFinite] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (let i = 0; i < data.length; i++) {
    const x = data[i];
    if (x - x !== 0) nonFinite++;
    else {
      if (x < low) low = x;
      if (x > high) high = x;
    }
  }
  return {
    shape: [...shape].reverse(),
    spacing: [...geometry.spacingMm].reverse(),
    origin: geometry.originMm,
    direction: geometry.direction,
    axes: axisCodesOf(geometry.direction),
    dtype: data.constructor.name.replace("Array", "").toLowerCase(),
    ...(low <= high ? { range: [low, high] as const } : {}),
    ...(nonFinite > 0 ? { nonFinite } : {}),
  };
}

function formatInfo(info: ScanInfo): string {
  const lines = [info.file];
  const add = (key: string, text: string) => lines.push(`  ${key.padEnd(11)}${text}`);
  if (info.shape !== undefined) {
    const { shape, spacing = [], origin = [], direction = [], axes = "", dtype = "", range } = info;
    add("shape", `${shape.join(" x ")} (x, y, z)`);
    add("spacing", `${formatSpacing(spacing)} mm`);
    add("axes", `${axes} (towards ${[...axes].map((letter) => SIDES[letter]).join(", ")})`);
    add("origin", `${origin.map(formatNumber).join(", ")} mm (left, posterior, superior)`);
    add("direction", direction.map(formatNumber).join(" "));
    add("type", dtype);
    add("values", range === undefined ? "none is finite" : `${range[0]} to ${range[1]}`);
    if (info.nonFinite !== undefined) add("not finite", `${info.nonFinite} voxels`);
  }
  for (const { id, description, modality, slices, columns, rows, plane } of info.series ?? []) {
    add("series", `${id}\n             ${modality} ${description}: ${slices} slices of ${columns} x ${rows}, ${plane}`);
  }
  for (const warning of info.warnings) add("warning", warning);
  if (info.error !== undefined) add("error", (info.error as { message: string }).message);
  return lines.join("\n");
}

const SIDES: Readonly<Record<string, string>> = {
  L: "left",
  R: "right",
  A: "anterior",
  P: "posterior",
  S: "superior",
  I: "inferior",
};
