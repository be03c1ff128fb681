import type { IntensityStatistics } from "nnprep/v1";
import { element, table } from "./elements.js";
import { inPageOrder } from "./page-words.js";
import type { OpenedCase, PreparedCase, RestoredLabel } from "./protocol.js";
import { labelColour } from "./viewers.js";

const ROUNDED = new Intl.NumberFormat("en", { maximumSignificantDigits: 3, useGrouping: false });
const SMALL = new Intl.NumberFormat("en", { maximumSignificantDigits: 3, notation: "scientific" });
const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0, useGrouping: false });
const MILLIMETRES = new Intl.NumberFormat("en", { maximumFractionDigits: 3, useGrouping: false });
const COUNT = new Intl.NumberFormat("en");

/** Three digits, and no digit of what is left of the point lost. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  return (size >= 100 ? WHOLE : size >= 1e-3 || size === 0 ? ROUNDED : SMALL).format(value);
}
/** Slowest axis first in the program, x × y × z on the screen. */
const size = (shape: readonly number[]): string => [...shape].reverse().map(String).join(" × ");
const spacing = (mm: readonly number[]): string =>
  `${[...mm]
    .reverse()
    .map((length) => MILLIMETRES.format(length))
    .join(" × ")} mm`;
const voxels = (shape: readonly number[]): string => COUNT.format(shape.reduce((a, b) => a * b, 1));
const millilitres = (ml: number): string => `${number(ml)} mL`;
const axisName = ["z", "y", "x"];

/** A label with the colour that it has in the pictures. */
function labelCell(value: number, name: string): HTMLElement {
  const colour = element("span", { class: "colour", style: `background: ${labelColour(value)}` });
  return element("span", {}, colour, name === "" ? String(value) : `${value} ${name}`);
}

/** What is known of a scan before anything is done. */
export function describeScan({ shape, spacingMm, orientation, channels }: OpenedCase): string {
  const more = channels > 1 ? `, ${channels} channels` : "";
  return `${size(shape)} voxels of ${spacing(spacingMm)}${more}, axes run ${orientation}`;
}

/** What preparing would make of it: shape and megabytes, or null if an axis would vanish. */
export function describeSize(opened: OpenedCase, target: readonly number[]): string | null {
  const shape = opened.shape.map((n, i) => Math.round((n * opened.spacingMm[i]) / (target[i] as number)));
  if (!shape.every((n) => n >= 1 && Number.isFinite(n))) return null;
  const count = shape.reduce((a, b) => a * b, 1);
  const megabytes = (count * 4 * opened.channels) / 1e6;
  const large = count > 2e8 ? " That is a lot for a page: it may run out of memory." : "";
  return `At most ${size(shape)} voxels, ${number(Math.max(1, Math.round(megabytes)))} MB.${large}`;
}

const STATISTICS: readonly [keyof IntensityStatistics, string][] = [
  ["mn", "Smallest"],
  ["percentile_00_5", "0.5 % percentile"],
  ["median", "Median"],
  ["mean", "Mean"],
  ["sd", "Standard deviation"],
  ["percentile_99_5", "99.5 % percentile"],
  ["mx", "Largest"],
];

function gridTable({ shapes, spacings, box, separateAxis }: PreparedCase): HTMLElement {
  const ranges = [...box].reverse().map(([low, high], i) => `${["x", "y", "z"][i]} ${low + 1}–${high}`);
  const kept = shapes.cropped.reduce((part, n, i) => (part * n) / (shapes.scan[i] as number), 1);
  return table(
    "Grid",
    ["", "Voxels (x × y × z)", "Spacing", "Number"],
    [
      ["Scan", size(shapes.scan), spacing(spacings.scan), voxels(shapes.scan)],
      ["Cropped", size(shapes.cropped), spacing(spacings.scan), `${voxels(shapes.cropped)} (${number(100 * kept)} %)`],
      ["Prepared", size(shapes.prepared), spacing(spacings.prepared), voxels(shapes.prepared)],
      [
        "Box (the first voxel is 1)",
        ranges.join(", "),
        separateAxis === null ? "all axes cubic" : `${axisName[separateAxis]} on its own`,
        "",
      ],
    ],
  );
}

/** What is nothing beside the deviation is written as 0: the mean of a normalised scan. */
function besides(value: number, sd: number): string {
  return Math.abs(value) < 1e-4 * sd ? "0" : number(value);
}

function intensityTables({ channels }: PreparedCase): HTMLElement[] {
  return channels.map(({ scheme, useMask, before, after }, c) =>
    table(
      `Intensities${channels.length > 1 ? ` of channel ${c}` : ""}: ${scheme}${useMask ? ", inside the mask" : ""}`,
      ["", "Before", "After"],
      STATISTICS.map(([key, name]) => [name, besides(before[key], before.sd), besides(after[key], after.sd)]),
    ),
  );
}

export function numbersView(prepared: PreparedCase): HTMLElement[] {
  const { labels, timings, threads, notes } = prepared;
  const total = timings.reduce((sum, { ms }) => sum + ms, 0);
  const views = [gridTable(prepared), ...intensityTables(prepared)];
  if (labels.length > 0) {
    views.push(
      table(
        "Label volumes",
        ["Label", "In the file", "Prepared"],
        labels.map(({ value, name, mlBefore, mlAfter }) => [
          labelCell(value, name),
          millilitres(mlBefore),
          millilitres(mlAfter),
        ]),
      ),
    );
  }
  views.push(
    table(
      `Time, ${threads === 1 ? "one thread" : `${threads} threads`}`,
      ["Step", "Milliseconds"],
      [...timings.map(({ step, ms }) => [step, String(Math.round(ms))]), ["All", String(Math.round(total))]],
    ),
  );
  if (notes.length > 0) views.unshift(element("p", { class: "note" }, inPageOrder(notes.join(" "))));
  return views;
}

/** A segmentation that lies on the scan, and what made it. */
export function segmentationView(title: string, { shape, labels, difference, notes }: RestoredLabel): HTMLElement[] {
  const views = [
    table(
      `${title}, ${size(shape)} voxels`,
      ["Label", "Volume"],
      labels.map(({ value, name, ml }) => [labelCell(value, name), millilitres(ml)]),
    ),
  ];
  if (difference !== null) {
    const share = (100 * difference.voxels) / difference.of;
    views.push(
      element(
        "p",
        {},
        `${COUNT.format(difference.voxels)} of ${COUNT.format(difference.of)} voxels (${number(share)} %) differ from the label that was given.`,
      ),
    );
  }
  if (notes.length > 0) views.push(element("p", { class: "note" }, notes.join(" ")));
  return views;
}
