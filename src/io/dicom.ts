import { openDecoder } from "#dicom-decoder";
import { NnprepError } from "../core/errors.js";
import { type Shape3, type VoxelArray, voxelCount } from "../core/volume.js";
import { checkFrame, decodeFrames, decodeGroupSize } from "./dicom-decode.js";
import type { DicomDecoderOptions } from "./dicom-decoder.js";
import { arrangeSeries, type DicomAllowance, type SeriesProblem } from "./dicom-geometry.js";
import {
  checkPixelFormat,
  checkPixelsThere,
  greyValues,
  lossyCompression,
  measureInto,
  needsDecoder,
  readStoredValues,
  voxelType,
} from "./dicom-pixels.js";
import { chooseGroup, type DicomSeries, groupFiles } from "./dicom-series.js";
import type { DicomSlice } from "./dicom-tags.js";
import type { ScanFile, ScanReading } from "./scan-file.js";

export type { DicomDecoderOptions } from "./dicom-decoder.js";
export type { DicomAllowance } from "./dicom-geometry.js";
export { type DicomListing, type DicomSeries, listDicomSeries } from "./dicom-series.js";

/** Which series is read, and which doubts about it are accepted. */
export interface ReadDicomOptions {
  /** Which series when there are several: an `id` that `listDicomSeries` gives. */
  readonly series?: string;
  /**
   * What is accepted, with a warning; everything else of this list ends in an error that describes it.
   * - `gap`: a slice is missing or distances are unequal. The slices are stacked with the mean distance.
   * - `tilt`: the slices are shifted against each other (gantry tilt). The sheared third axis is kept in `direction`.
   * - `duplicates`: several slices at one place. The one with the lowest instance number is taken.
   * - `mixed`: one series has images of several sizes or orientations. The largest group is taken.
   * - `units`: the slices have different units (Rescale Type, Units). The numbers are stacked as they are.
   * - `colour`: red, green and blue. They are turned into grey with ITK's weights.
   */
  readonly allow?: readonly DicomAllowance[];
  /** Where a page serves the optional package that decodes JPEG, JPEG-LS and JPEG 2000. */
  readonly decoder?: DicomDecoderOptions;
  /** Called after every slice or group of slices. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** A series as a volume, and which one it was. */
export interface DicomReading extends ScanReading {
  readonly series: DicomSeries;
}

/** As `readDicomSeries` of dicom-on-demand, which loads this module. */
export async function readDicomSeries(
  files: readonly ScanFile[],
  options: ReadDicomOptions = {},
): Promise<DicomReading> {
  const allowed = options.allow ?? [];
  const { groups, warnings } = await groupFiles(files);
  const { series, slices: found } = chooseGroup(groups, options.series, allowed.includes("mixed"));
  for (const slice of found) {
    checkPixelFormat(slice);
    checkPixelsThere(slice);
  }
  const { slices, geometry, problems, notes } = arrangeSeries(found);
  const all = [...mixedProblem(series, groups.length, options.series), ...problems, ...contentProblems(slices)];
  refuse(all, allowed, series);
  const shape: Shape3 = [slices.length, slices[0].rows, slices[0].columns];
  const data = await readVoxels(slices, shape, options);
  return {
    volume: { data, shape, geometry },
    series,
    warnings: [
      ...warnings,
      ...all.map(({ found: what, accepted }) => `${what}; ${accepted}`),
      ...notes,
      ...contentNotes(slices),
    ],
  };
}

/** `mixed` was needed when the group is one of several and was not named. */
function mixedProblem(series: DicomSeries, groups: number, wanted: string | undefined): SeriesProblem[] {
  if (series.id === series.uid || series.id === wanted || groups === 1) return [];
  return [
    {
      option: "mixed",
      found: `series ${series.uid} has images of several sizes, orientations or kinds`,
      accepted: `the largest group is taken: ${series.slices} slices of ${series.columns} x ${series.rows}`,
    },
  ];
}

function contentProblems(slices: readonly DicomSlice[]): SeriesProblem[] {
  const problems: SeriesProblem[] = [];
  const [first] = slices;
  const other = slices.find((slice) => slice.units !== first.units);
  if (other !== undefined) {
    const name = (slice: DicomSlice) => `"${slice.units || "none"}" in ${slice.file.name}`;
    problems.push({
      option: "units",
      found: `the slices have different units: ${name(first)}, ${name(other)}`,
      accepted: "the numbers are stacked as they are",
    });
  }
  const silent = slices.find((slice) => !slice.signStated);
  if (silent !== undefined && slices.some((slice) => slice.signStated)) {
    throw new NnprepError(
      "CORRUPT_FILE",
      `${silent.file.name}: Pixel Representation is missing, other slices of the series have it; the file is damaged`,
      { file: silent.file.name },
    );
  }
  const strange = slices.find((slice) => !["MONOCHROME1", "MONOCHROME2"].includes(slice.photometric));
  if (strange !== undefined) {
    if (!["RGB", "YBR_RCT", "YBR_ICT"].includes(strange.photometric) || strange.samplesPerPixel !== 3) {
      throw new NnprepError(
        "UNSUPPORTED",
        `${strange.file.name}: photometric interpretation ${strange.photometric || "is missing"} with ${strange.samplesPerPixel} samples per pixel; grey images can be read, and RGB ones when "colour" is allowed`,
        { file: strange.file.name, found: strange.photometric, options: ["colour"] },
      );
    }
    problems.push({
      option: "colour",
      found: `colour image (${strange.photometric}, ${strange.file.name})`,
      accepted: "red, green and blue are turned into grey",
    });
  }
  return problems;
}

function contentNotes(slices: readonly DicomSlice[]): string[] {
  const notes: string[] = [];
  const lossy = slices.map(lossyCompression).filter((name) => name !== null);
  if (lossy.length > 0) {
    notes.push(`lossy compression (${lossy[0]}) in ${lossy.length} of ${slices.length} slices: not what was measured`);
  }
  if (slices.some(({ photometric }) => photometric === "MONOCHROME1")) {
    notes.push("MONOCHROME1: values are turned round (highest becomes lowest), as ITK does");
  }
  const tables = slices.filter((slice) => slice.modalityLut).length;
  if (tables > 0) {
    notes.push(
      `Modality LUT Sequence in ${tables} of ${slices.length} slices: it is not applied, the numbers are the stored ones`,
    );
  }
  for (const [key, name] of [
    ["studyUid", "Study Instance UID"],
    ["frameOfReferenceUid", "Frame of Reference UID"],
  ] as const) {
    const [first] = slices;
    const other = slices.find((slice) => slice[key] !== first[key]);
    if (other === undefined) continue;
    notes.push(
      `the slices have different values of ${name}: "${first[key]}" in ${first.file.name}, "${other[key]}" in ${other.file.name}; they may not belong together`,
    );
  }
  return notes;
}

/** Throws with everything that is not allowed. */
function refuse(problems: readonly SeriesProblem[], allowed: readonly DicomAllowance[], series: DicomSeries): void {
  const refused = problems.filter(({ option }) => !allowed.includes(option));
  if (refused.length === 0) return;
  const options = [...new Set(refused.map(({ option }) => option))];
  const geometric = refused.some(({ option }) => ["gap", "tilt", "duplicates"].includes(option));
  const lines = refused.map(({ option, found, accepted }) => `\n  ${found}\n    allow "${option}": ${accepted}`);
  throw new NnprepError(
    geometric ? "GEOMETRY_MISMATCH" : "UNSUPPORTED",
    `DICOM series ${series.id} cannot be read without doubt:${lines.join("")}`,
    { series: series.id, options, found: refused.map(({ found }) => found) },
  );
}

function makeRoom(slices: readonly DicomSlice[], shape: Shape3): VoxelArray {
  const grey = slices[0].samplesPerPixel === 1;
  const ArrayOfType = grey ? voxelType(slices) : Uint8Array;
  try {
    return new ArrayOfType(voxelCount(shape));
  } catch (error) {
    throw new NnprepError("OUT_OF_MEMORY", `no memory for ${shape.join(" x ")} voxels (${(error as Error).message})`, {
      shape,
    });
  }
}

async function readVoxels(
  slices: readonly DicomSlice[],
  shape: Shape3,
  { decoder: decoderOptions = {}, onProgress }: ReadDicomOptions,
): Promise<VoxelArray> {
  const compressed = slices.some(needsDecoder);
  const decoder = compressed ? await openDecoder(decoderOptions) : null;
  try {
    if (compressed) await checkFrame(slices.find(needsDecoder) as DicomSlice);
    const data = makeRoom(slices, shape);
    const area = shape[1] * shape[2];
    for (let done = 0; done < slices.length; ) {
      const group = nextGroup(slices, done);
      const stored =
        decoder !== null && needsDecoder(group[0]) ? await decodeFrames(group, decoder) : [await readNamed(group[0])];
      for (const [i, values] of stored.entries()) {
        const target = data.subarray((done + i) * area, (done + i + 1) * area);
        const slice = group[i];
        if (slice.samplesPerPixel === 1) measureInto(target, values, slice);
        else target.set(greyValues(values, slice));
      }
      done += group.length;
      onProgress?.(done, slices.length);
    }
    return data;
  } finally {
    decoder?.close();
  }
}

/** Slices to read at once: one, or as many compressed ones of one kind as the decoder gets together. */
function nextGroup(slices: readonly DicomSlice[], from: number): DicomSlice[] {
  const first = slices[from];
  if (!needsDecoder(first)) return [first];
  const most = slices.slice(from, from + decodeGroupSize(first));
  const kind = (s: DicomSlice) => `${s.transferSyntax} ${s.bitsAllocated} ${s.bitsStored} ${s.signed} ${s.photometric}`;
  const end = most.findIndex((slice) => kind(slice) !== kind(first));
  return end < 0 ? most : most.slice(0, end);
}

async function readNamed(slice: DicomSlice): Promise<VoxelArray> {
  try {
    return await readStoredValues(slice);
  } catch (error) {
    throw error instanceof NnprepError ? error.inFile(slice.file.name) : error;
  }
}
