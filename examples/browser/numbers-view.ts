import type { NnprepError } from "nnprep";
import type { Finding } from "nnprep/dataset";
import type { IntensityStatistics } from "nnprep/v1";
import { element, table } from "./elements.js";
import type { OpenedCase, PreparedCase, RestoredLabel } from "./protocol.js";

const ROUNDED = new Intl.NumberFormat("en", { maximumSignificantDigits: 5, useGrouping: false });
const COUNT = new Intl.NumberFormat("en");

const number = (value: number): string => (Number.isFinite(value) ? ROUNDED.format(value) : String(value));
/** Slowest axis first in the program, x × y × z on the screen. */
const size = (shape: readonly number[]): string => [...shape].reverse().map(String).join(" × ");
const spacing = (mm: readonly number[]): string => `${[...mm].reverse().map(number).join(" × ")} mm`;
const voxels = (shape: readonly number[]): string => COUNT.format(shape.reduce((a, b) => a * b, 1));
const millilitres = (ml: number): string => `${number(ml)} mL`;
const axisName = ["z", "y", "x"];

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

export function checkView({ findings, hasLabel, warnings }: OpenedCase): HTMLElement[] {
  return [findingsView(findings, hasLabel), ...warnings.map((text) => element("p", { class: "note" }, text))];
}

function findingsView(findings: readonly Finding[], hasLabel: boolean): HTMLElement {
  if (findings.length === 0) {
    const checked = hasLabel
      ? "Scan and label lie on one grid, the label has whole numbers, and all voxels are finite."
      : "All voxels are finite numbers, and the scan is not empty.";
    return element("p", { class: "good" }, checked);
  }
  const items = findings.map(({ severity, file, found, expected, action }) =>
    element(
      "li",
      { class: severity },
      element("strong", {}, severity === "error" ? "Error in " : "Look at ", file),
      facts({ Found: found, Expected: expected, "What to do": action }),
    ),
  );
  return element("ul", { class: "findings" }, ...items);
}

function facts(entries: Readonly<Record<string, string>>): HTMLElement {
  return element(
    "dl",
    {},
    ...Object.entries(entries).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
}

const TITLES: Partial<Record<NnprepError["code"], string>> = {
  CORRUPT_FILE: "This file is damaged",
  UNSUPPORTED: "This file cannot be used here",
  SHAPE_MISMATCH: "The files do not fit together",
  GEOMETRY_MISMATCH: "The files do not fit together",
  INVALID_VALUES: "The voxels cannot be used",
  INVALID_PLANS: "The plans do not fit",
  EMPTY_IMAGE: "The scan is empty",
  OUT_OF_MEMORY: "Not enough memory",
  WORKER_DIED: "The work was interrupted",
};

function shown(value: unknown): string | null {
  if (typeof value === "string" || typeof value === "number") return String(value);
  if (Array.isArray(value) && value.every((item) => typeof item === "number" || typeof item === "string")) {
    return value.join(", ");
  }
  return null;
}

/** An error for people: what is wrong, in which file, what was found and expected. The message says what to do. */
export function problemView(error: NnprepError | Error): HTMLElement {
  const isOurs = "code" in error;
  const title = isOurs ? (TITLES[error.code] ?? "This did not work") : "This did not work";
  const parts: HTMLElement[] = [element("h2", {}, title), element("p", {}, error.message)];
  if (isOurs) {
    const { file, found, expected } = error.detail;
    const known = Object.entries({
      File: shown(file),
      Found: shown(found),
      Expected: shown(expected),
      Code: error.code,
    });
    parts.push(facts(Object.fromEntries(known.filter((entry): entry is [string, string] => entry[1] !== null))));
  }
  return element("div", { class: "problem" }, ...parts);
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
  const ranges = [...box].reverse().map(([low, high], i) => `${["x", "y", "z"][i]} ${low}–${high - 1}`);
  const kept = shapes.cropped.reduce((part, n, i) => (part * n) / (shapes.scan[i] as number), 1);
  return table(
    "Grid",
    ["", "Voxels (x × y × z)", "Spacing", "Number"],
    [
      ["Scan", size(shapes.scan), spacing(spacings.scan), voxels(shapes.scan)],
      ["Cropped", size(shapes.cropped), spacing(spacings.scan), `${voxels(shapes.cropped)} (${number(100 * kept)} %)`],
      ["Prepared", size(shapes.prepared), spacing(spacings.prepared), voxels(shapes.prepared)],
      ["Box", ranges.join(", "), separateAxis === null ? "all axes cubic" : `${axisName[separateAxis]} on its own`, ""],
    ],
  );
}

function intensityTables({ channels }: PreparedCase): HTMLElement[] {
  return channels.map(({ scheme, useMask, before, after }, c) =>
    table(
      `Intensities${channels.length > 1 ? ` of channel ${c}` : ""}: ${scheme}${useMask ? ", inside the mask" : ""}`,
      ["", "Before", "After"],
      STATISTICS.map(([key, name]) => [name, number(before[key]), number(after[key])]),
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
        ["Label", "Before", "After"],
        labels.map(({ value, mlBefore, mlAfter }) => [String(value), millilitres(mlBefore), millilitres(mlAfter)]),
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
  if (notes.length > 0) views.unshift(element("p", { class: "note" }, notes.join(" ")));
  return views;
}

export function restoredView({ shape, labels, difference, notes }: RestoredLabel): HTMLElement[] {
  const views = [
    table(
      `Segmentation on the scan, ${size(shape)} voxels`,
      ["Label", "Volume"],
      labels.map(({ value, ml }) => [String(value), millilitres(ml)]),
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
