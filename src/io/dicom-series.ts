import { NnprepError } from "../core/errors.js";
import { checkedCosines } from "./dicom-geometry.js";
import { type DicomSlice, readDicomTags } from "./dicom-tags.js";
import type { ScanFile } from "./scan-file.js";
import { isZip, membersOfZip } from "./zip-files.js";

/* Which images of many files belong together: by Series Instance UID, size, orientation, pixel spacing and samples. */

/** Images that can be stacked, as a listing shows them. */
export interface DicomSeries {
  /**
   * What the option `series` takes: the Series Instance UID; with `#1`, `#2` ... behind it when the images of the series
   * have several sizes or orientations, the largest group first.
   */
  readonly id: string;
  readonly uid: string;
  readonly description: string;
  readonly modality: string;
  readonly slices: number;
  readonly rows: number;
  readonly columns: number;
  /** More than 1 for images of many frames, which are listed but cannot be read. */
  readonly framesPerFile: number;
  /** Axis that the slices are stacked along: axial, coronal, sagittal, oblique, or unknown. */
  readonly plane: string;
  readonly transferSyntax: string;
}

/** The series of many files, and which files belong to none. */
export interface DicomListing {
  readonly series: readonly DicomSeries[];
  readonly warnings: readonly string[];
}

/** A series with its images, in the order of the files. */
export interface DicomGroup {
  readonly series: DicomSeries;
  readonly slices: readonly DicomSlice[];
}

/** How much cosines of one orientation may differ: files round them. */
const SAME_DIRECTION = 1e-3;
/** Names that one warning lists. */
const NAMES = 5;

/** As `listDicomSeries` of dicom-on-demand, which loads this module. */
export async function listDicomSeries(files: readonly ScanFile[]): Promise<DicomListing> {
  const { groups, warnings } = await groupFiles(files);
  return { series: groups.map(({ series }) => series), warnings };
}

/** The same with the images. */
export async function groupFiles(files: readonly ScanFile[]): Promise<{ groups: DicomGroup[]; warnings: string[] }> {
  const groups: DicomSlice[][] = [];
  const skipped = new Map<string, string[]>();
  for (const file of files) {
    for (const member of (await isZip(file)) ? await membersOfZip(file) : [file]) {
      const content = await readDicomTags(member);
      if ("skipped" in content) {
        const names = skipped.get(content.skipped);
        if (names === undefined) skipped.set(content.skipped, [member.name]);
        else names.push(member.name);
        continue;
      }
      const group = groups.find(([first]) => belongTogether(first, content.slice));
      if (group === undefined) groups.push([content.slice]);
      else group.push(content.slice);
    }
  }
  const warnings = [...skipped].map(([reason, names]) => {
    const more = names.length > NAMES ? ` and ${names.length - NAMES} more` : "";
    return `${names.length} file${names.length > 1 ? "s" : ""} left out, ${reason}: ${names.slice(0, NAMES).join(", ")}${more}`;
  });
  return { groups: describeGroups(groups), warnings };
}

function belongTogether(a: DicomSlice, b: DicomSlice): boolean {
  return (
    a.seriesUid === b.seriesUid &&
    a.rows === b.rows &&
    a.columns === b.columns &&
    a.samplesPerPixel === b.samplesPerPixel &&
    a.frames === 1 &&
    b.frames === 1 &&
    (a.position === null) === (b.position === null) &&
    close(a.orientation, b.orientation, SAME_DIRECTION) &&
    close(a.pixelSpacing, b.pixelSpacing, 1e-4 * (a.pixelSpacing?.[0] ?? 1))
  );
}

function close(a: readonly number[] | null, b: readonly number[] | null, tolerance: number): boolean {
  if (a === null || b === null) return a === b;
  return a.every((x, i) => Math.abs(x - b[i]) <= tolerance);
}

function describeGroups(groups: readonly DicomSlice[][]): DicomGroup[] {
  const byUid = new Map<string, DicomSlice[][]>();
  for (const slices of groups) {
    const uid = slices[0].seriesUid || "without-uid";
    byUid.set(uid, [...(byUid.get(uid) ?? []), slices]);
  }
  return [...byUid].flatMap(([uid, parts]) =>
    parts
      .sort((a, b) => b.length - a.length)
      .map((slices, i) => ({ series: describe(uid, parts.length > 1 ? `${uid}#${i + 1}` : uid, slices), slices })),
  );
}

function describe(uid: string, id: string, slices: readonly DicomSlice[]): DicomSeries {
  const [first] = slices;
  return {
    id,
    uid,
    description: first.seriesDescription,
    modality: first.modality,
    slices: slices.length,
    framesPerFile: first.frames,
    rows: first.rows,
    columns: first.columns,
    plane: planeOf(first),
    transferSyntax: first.transferSyntax,
  };
}

function planeOf({ orientation }: DicomSlice): string {
  const cosines = orientation === null ? null : checkedCosines(orientation);
  if (cosines === null) return "unknown";
  const normal = cosines.normal.map(Math.abs);
  const largest = normal.indexOf(Math.max(...normal));
  return normal[largest] < 0.8 ? "oblique" : ["sagittal", "coronal", "axial"][largest];
}

/** One line of a listing. */
export function describeSeries(series: DicomSeries): string {
  const { id, description, modality, slices, framesPerFile, rows, columns, plane } = series;
  const name = description === "" ? "no description" : `"${description}"`;
  const frames = framesPerFile > 1 ? `, ${framesPerFile} frames in one file` : "";
  return `${id}: ${modality || "no modality"}, ${name}, ${slices} slice${slices > 1 ? "s" : ""} of ${columns} x ${rows}, ${plane}${frames}`;
}

/**
 * The group that `wanted` names, or the only one. Throws INVALID_ARGUMENT with the list when there is a choice;
 * GEOMETRY_MISMATCH when one series has several groups, unless `mixed` allows to take the largest.
 */
export function chooseGroup(groups: readonly DicomGroup[], wanted: string | undefined, mixed: boolean): DicomGroup {
  if (groups.length === 0) {
    throw new NnprepError("UNSUPPORTED", "there is no DICOM image in these files", { found: 0 });
  }
  const listing = `\n${groups.map(({ series }) => `  ${describeSeries(series)}`).join("\n")}`;
  const ids = groups.map(({ series }) => series.id);
  const uids = [...new Set(groups.map(({ series }) => series.uid))];
  if (wanted === undefined && uids.length > 1) {
    throw new NnprepError(
      "INVALID_ARGUMENT",
      `${uids.length} series found; choose one with the option series:${listing}`,
      { found: ids },
    );
  }
  const uid = wanted ?? uids[0];
  const named = groups.find(({ series }) => series.id === uid);
  if (named !== undefined) return named;
  const parts = groups.filter(({ series }) => series.uid === uid);
  if (parts.length === 0) {
    throw new NnprepError("INVALID_ARGUMENT", `no series ${uid}; there are:${listing}`, { found: ids, expected: uid });
  }
  if (!mixed) {
    const list = parts.map(({ series }) => `\n  ${describeSeries(series)}`).join("");
    throw new NnprepError(
      "GEOMETRY_MISMATCH",
      `series ${uid} has images of ${parts.length} sizes, orientations or kinds, which are no single volume: choose one of them with the option series, or allow "mixed" to take the first:${list}`,
      { found: parts.map(({ series }) => series.id), options: ["mixed"] },
    );
  }
  return parts[0];
}
