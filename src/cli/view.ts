import { basename, dirname, extname, join, resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { NnprepError, plainError } from "../core/errors.js";
import type { Vec3, Volume } from "../core/volume.js";
import { formatPng } from "../io/png.js";
import { FolderStore } from "../runner/folder-store.js";
import { init } from "../runtime/instantiate.js";
import { labelColor } from "../view/label-colors.js";
import { labelCoordinates, type MeasuredLabel, measureLabels } from "../view/label-list.js";
import { formatObj, formatPly, formatStl } from "../view/mesh-files.js";
import { renderOverview } from "../view/overview.js";
import { reduceSurface } from "../view/reduce.js";
import { CT_WINDOWS, type CtWindow, chooseScanWindow, type ScanWindow } from "../view/scan-window.js";
import { labelSurface } from "../view/surface.js";
import { type CommandReport, type CommandRun, runCommand } from "./command-runner.js";
import { wholeNumber } from "./options.js";
import { formatTable } from "./table.js";
import { UsageError } from "./usage-error.js";
import { findScan, listInputs, readFileVolume, readTaskNames, stemOf, type TaskNames } from "./view-files.js";

interface ViewOptions {
  readonly output?: string;
  readonly label?: number[];
  readonly image?: string;
  readonly datasetJson?: string;
  readonly window?: ScanWindow;
  readonly style: "surface" | "points";
  readonly from?: Vec3;
  readonly paneSize: number;
  readonly coordinates: boolean;
  readonly mesh?: string;
  readonly triangles?: number;
  readonly json: boolean;
}

/** Where the viewer stands, in L, P, S. */
const SIDES: Readonly<Record<string, Vec3>> = {
  front: [0, -1, 0],
  back: [0, 1, 0],
  left: [1, 0, 0],
  right: [-1, 0, 0],
  above: [0, 0, 1],
  below: [0, 0, -1],
};
const MESH_ENDINGS = [".stl", ".obj", ".ply"];
const TEXT_PIECE = 50_000;

function labels(text: string, previous: number[] | undefined): number[] {
  return [...(previous ?? []), ...text.split(",").map(wholeNumber(1, 65535))];
}

function scanWindow(text: string): ScanWindow {
  if (text in CT_WINDOWS) return CT_WINDOWS[text as CtWindow];
  const [low, high, ...rest] = text.split(",").map(Number);
  if (low === undefined || high === undefined || rest.length > 0 || !(high > low)) {
    throw new InvalidArgumentError(`one of ${Object.keys(CT_WINDOWS).join(", ")}, or LOW,HIGH is expected.`);
  }
  return { low, high, name: "as given" };
}

function side(text: string): Vec3 {
  const known = SIDES[text];
  if (known !== undefined) return known;
  const parts = text.split(",").map(Number);
  if (parts.length !== 3 || parts.some((x) => !Number.isFinite(x)) || parts.every((x) => x === 0)) {
    throw new InvalidArgumentError(`one of ${Object.keys(SIDES).join(", ")}, or L,P,S is expected.`);
  }
  return parts as unknown as Vec3;
}

function meshFile(text: string): string {
  if (MESH_ENDINGS.includes(extname(text).toLowerCase())) return text;
  throw new InvalidArgumentError(`a name that ends in ${MESH_ENDINGS.join(", ")} is expected.`);
}

export function viewCommand(): Command {
  return new Command("view")
    .argument("<files...>", "labels or predictions (.nii, .nii.gz, .nrrd, .nhdr, .mha, .mhd, .hdr), or folders of them")
    .option(
      "-o, --output <path>",
      "PNG file, or a folder for several (default: NAME.png beside each file, never among the data of a dataset)",
    )
    .option("-l, --label <list>", "only these labels, as 1 or 1,2; may be repeated", labels)
    .option("-i, --image <path>", "the scan, shown under the label; a folder with NAME_0000.* or NAME.* for several")
    .option("--dataset-json <file>", "names of the labels (default: dataset.json beside the file or above)")
    .option(
      "--window <name>",
      `how the scan is shown: ${Object.keys(CT_WINDOWS).join(", ")}, or LOW,HIGH (default: by its values)`,
      scanWindow,
    )
    .addOption(
      new Option("--style <style>", "shaded surfaces, or a plain scatter of voxels")
        .choices(["surface", "points"])
        .default("surface"),
    )
    .option("--from <side>", `where the viewer stands: ${Object.keys(SIDES).join(", ")}, or L,P,S`, side)
    .option("--pane-size <pixels>", "side of one slice; the picture is four times as wide", wholeNumber(100, 2000), 400)
    .option("--coordinates", "voxels of the labels too: NAME_x.txt, NAME_y.txt, NAME_z.txt, NAME.csv, from 1 on", false)
    .option(
      "--mesh <file>",
      "surfaces in mm (RAS): .ply or .obj, .stl (one file per label); no PNG unless -o",
      meshFile,
    )
    .option("--triangles <n>", "reduce each surface of --mesh to about this many triangles", wholeNumber(4, 1e9))
    .option("--json", "print one JSON document instead of text", false)
    .addHelpText(
      "after",
      "\nExamples:\n  $ nnprep view prediction.nrrd\n  $ nnprep view labelsTr --image imagesTr -o pictures" +
        "\n  $ nnprep view prediction.nii.gz --label 1 --mesh liver.stl --triangles 20000" +
        "\n\nRadiological convention: the patient's right is on the left of axial and coronal slices.",
    )
    .action((inputs: string[], options: ViewOptions) =>
      runCommand("view", options, (run) => viewFiles(run, inputs, options)),
    );
}

/** What was made of one file. */
interface Viewed {
  readonly file: string;
  readonly labels: readonly (MeasuredLabel & { readonly name: string | null })[];
  readonly written: string[];
}

async function viewFiles(run: CommandRun, inputs: string[], options: ViewOptions): Promise<CommandReport> {
  await init();
  const files = listFiles(inputs);
  const toFolder = files.length > 1;
  if (toFolder && options.mesh !== undefined) {
    throw new UsageError(`--mesh names the surface of one file, but ${files.length} were given`);
  }
  if (toFolder && options.output !== undefined && /\.png$/i.test(options.output)) {
    throw new UsageError(`-o ${options.output} is one picture, but ${files.length} files were given; name a folder`);
  }
  if (toFolder) checkNames(files, options);
  const viewed: Viewed[] = [];
  const failed: { file: string; error: unknown }[] = [];
  for (const file of files) {
    try {
      const one = await viewFile(file, options);
      viewed.push(one);
      run.print(`${describe(one)}\n`);
    } catch (error) {
      const known = error instanceof NnprepError ? error.inFile(file) : error;
      failed.push({ file, error: known });
      if (!options.json) run.say(`nnprep: ${plainError(known).message}`);
    }
  }
  const errors = failed.map(({ file, error }) => ({ file, ok: false, error: plainError(error) }));
  const done = viewed.map((one) => ({ ok: true, ...one }));
  return { ok: failed.length === 0, text: "", document: { files: [...done, ...errors] } };
}

/** A folder without anything to see is wrong usage. */
function listFiles(inputs: readonly string[]): string[] {
  try {
    return listInputs(inputs);
  } catch (error) {
    throw error instanceof NnprepError ? new UsageError(error.message) : error;
  }
}

async function viewFile(file: string, options: ViewOptions): Promise<Viewed> {
  const names = await readTaskNames(file, options.datasetJson);
  const volume = await readFileVolume(file);
  const found = measureLabels(volume);
  const missing = options.label?.filter((label) => !found.some((one) => one.label === label)) ?? [];
  if (missing.length > 0) {
    const there = found.map(({ label }) => label).join(", ") || "none";
    throw new NnprepError("INVALID_ARGUMENT", `no voxel has the label ${missing.join(", ")}; found: ${there}`, {
      found: found.map(({ label }) => label),
      expected: missing,
    });
  }
  const shown = found.filter(({ label }) => options.label?.includes(label) ?? true);
  const written: string[] = [];
  const write = async (path: string, content: Parameters<FolderStore["write"]>[1]) => {
    await new FolderStore(dirname(path)).write(basename(path), content);
    written.push(path);
  };
  if (options.mesh === undefined || options.output !== undefined) {
    const image = options.image === undefined ? undefined : await readFileVolume(findScan(file, options.image));
    await write(picturePath(file, options), drawPicture(file, volume, found, image, names, options));
  }
  if (options.coordinates) await writeCoordinates(file, volume, shown, options, write);
  if (options.mesh !== undefined) await writeSurfaces(options.mesh, volume, shown, names, options, write);
  return { file, labels: shown.map((one) => ({ ...one, name: names.labels.get(one.label) ?? null })), written };
}

function drawPicture(
  file: string,
  volume: Volume,
  measured: readonly MeasuredLabel[],
  image: Volume | undefined,
  { labels: names, modality }: TaskNames,
  { label, style, from, paneSize, window }: ViewOptions,
): Uint8Array {
  const chosen = image === undefined ? undefined : (window ?? chooseScanWindow(image, { modality, label: volume }));
  const picture = renderOverview(volume, image, {
    title: basename(file),
    names,
    labels: label,
    measured,
    style,
    viewFrom: from,
    window: chosen,
    paneSize,
  });
  return formatPng(picture);
}

/** Where files about a label go, by their ending: beside the label or into the folder given; the name of `-o` counts for all. */
function pathBeside(file: string, { output }: ViewOptions, ending: string): string {
  if (output === undefined) return resolve(defaultFolder(file), stemOf(file) + ending);
  if (/\.png$/i.test(output)) return resolve(output.slice(0, -4) + ending);
  return resolve(output, stemOf(file) + ending);
}

/** Folders of a dataset, in which every further file is taken for data. */
const DATA_FOLDERS = /^(images|labels)(Tr|Ts|Val)$|^gt_(segmentations|niftis)$/;

/** The folder of the label; the current one when that belongs to a dataset. @throws UsageError when both do */
function defaultFolder(file: string): string {
  const folder = dirname(file);
  if (!DATA_FOLDERS.test(basename(folder))) return folder;
  const here = process.cwd();
  if (!DATA_FOLDERS.test(basename(here))) return here;
  throw new UsageError(`${folder} belongs to a dataset, where pictures would be taken for data: give -o FOLDER`);
}

/** Throws where two files would be written under one name. */
function checkNames(files: readonly string[], options: ViewOptions): void {
  const byPicture = new Map<string, string>();
  for (const file of files) {
    const picture = picturePath(file, options);
    const other = byPicture.get(picture);
    if (other !== undefined) {
      throw new UsageError(
        `${other} and ${file} would both be written to ${picture}; view them one by one with -o NAME.png`,
      );
    }
    byPicture.set(picture, file);
  }
}

function picturePath(file: string, options: ViewOptions): string {
  const { output } = options;
  return output !== undefined && /\.png$/i.test(output) ? resolve(output) : pathBeside(file, options, ".png");
}

type Write = (path: string, content: Uint8Array | AsyncIterable<Uint8Array> | Uint8Array[]) => Promise<void>;

async function writeCoordinates(
  file: string,
  volume: Volume,
  shown: readonly MeasuredLabel[],
  options: ViewOptions,
  write: Write,
): Promise<void> {
  const { label, x, y, z } = labelCoordinates(volume, shown);
  const encoder = new TextEncoder();
  /** Texts of the entries with `between` after each but the last, some thousands at a time. */
  async function* pieces(head: string, entry: (i: number) => string | number, between: string) {
    yield encoder.encode(head);
    for (let from = 0; from < x.length; from += TEXT_PIECE) {
      const parts: (string | number)[] = [];
      const to = Math.min(x.length, from + TEXT_PIECE);
      for (let i = from; i < to; i++) parts.push(entry(i));
      yield encoder.encode(parts.join(between) + (to < x.length ? between : "\n"));
    }
  }
  for (const [axis, values] of Object.entries({ x, y, z })) {
    await write(
      pathBeside(file, options, `_${axis}.txt`),
      pieces("", (i) => values[i], ","),
    );
  }
  const line = (i: number) => `${label[i]},${x[i]},${y[i]},${z[i]}`;
  await write(pathBeside(file, options, ".csv"), pieces("label,x,y,z\n", line, "\n"));
}

async function writeSurfaces(
  mesh: string,
  volume: Volume,
  shown: readonly MeasuredLabel[],
  names: TaskNames,
  { triangles }: ViewOptions,
  write: Write,
): Promise<void> {
  if (shown.length === 0) throw new NnprepError("EMPTY_IMAGE", "no label voxels: there is no surface to write");
  const surfaces = [];
  for (const { label } of shown) {
    const whole = labelSurface(volume, label, { measured: shown });
    const surface = triangles === undefined ? whole : await reduceSurface(whole, triangles);
    surfaces.push({ surface, name: names.labels.get(label) ?? `label_${label}`, color: labelColor(label) });
  }
  const path = resolve(mesh);
  const ending = extname(path);
  if (ending.toLowerCase() === ".ply") return write(path, formatPly(surfaces));
  if (ending.toLowerCase() === ".obj") return write(path, formatObj(surfaces));
  for (const named of surfaces) {
    const own = `${basename(path, ending)}_${named.surface.label}${ending}`;
    await write(surfaces.length === 1 ? path : join(dirname(path), own), formatStl(named));
  }
}

function describe({ file, labels, written }: Viewed): string {
  const rows = labels.map(({ label, name, voxels, volumeMl }) => [
    String(label),
    name ?? "",
    String(voxels),
    volumeMl.toFixed(volumeMl < 1 ? 4 : 1),
  ]);
  const table =
    rows.length === 0
      ? "warning: no label voxels; the picture is empty"
      : formatTable(["label", "name", "voxels", "mL"], rows);
  return [file, table, ...written.map((path) => `  ${path}`)].join("\n");
}
