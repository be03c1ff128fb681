import type { Shape3, Vec3 } from "../core/volume.js";
import { formatRounded, html, htmlTable, Markup } from "./markup.js";
import { type Histogram, histogramPlot, type StripPlot, stripPlot } from "./report-plots.js";
import { REPORT_STYLE } from "./report-style.js";
import { packSurfaces, type ReportScene, surfaceMarkup } from "./report-surface.js";

/** Something that is not there, and what would make it. */
export interface ReportGap {
  readonly missing: string;
  /** Command or step that brings it, if there is one. */
  readonly command?: string | undefined;
}

/** A picture as a file inside the page. */
export interface ReportPicture {
  /** `data:image/png;base64,...` */
  readonly url: string;
  readonly width: number;
  readonly height: number;
  readonly caption: string;
}

/** One case's pictures. */
export interface ReportCase {
  readonly name: string;
  readonly text: string;
  /** Pictures that belong side by side: before and after; reference, prediction and difference. */
  readonly groups: readonly (readonly ReportPicture[])[];
}

/** What the check of the dataset says. */
export interface ReportFinding {
  readonly severity: "error" | "warning";
  readonly kind: string;
  readonly file: string;
  readonly found: string;
  readonly expected: string;
  readonly action: string;
}

/** Voxels and spacing of a case, before and after. */
export interface ReportGrid {
  readonly name: string;
  /** Slowest axis first. */
  readonly shape: Shape3;
  readonly spacingMm: Vec3;
  /** Share of the voxels that the case was cropped to, if known. */
  readonly kept: number | null;
}

/** How good predictions are, label by label. */
export interface ReportScores {
  /** Where the numbers come from. */
  readonly source: string;
  readonly labels: readonly string[];
  /** Worst case first; Dice per label, NaN where neither has it. */
  readonly rows: readonly { readonly name: string; readonly mean: number; readonly dice: readonly number[] }[];
  readonly means: readonly number[];
  readonly failures: readonly string[];
}

export interface ReportLabel {
  readonly value: number;
  readonly name: string;
  readonly color: string;
  /** True if none of the cases that were read has it. */
  readonly absent?: boolean;
}

/** Everything that a report shows; parts that are not there say how to get them. */
export interface ReportData {
  readonly title: string;
  /** What made it, when, from what. */
  readonly made: string;
  readonly numbers: readonly { readonly name: string; readonly value: string }[];
  readonly notes: readonly string[];
  readonly labels: readonly ReportLabel[];
  readonly plots: readonly StripPlot[];
  readonly histograms: readonly Histogram[] | ReportGap;
  readonly grids: readonly ReportGrid[];
  readonly plan: readonly ReportPlan[] | ReportGap;
  readonly findings: { readonly checked: string; readonly list: readonly ReportFinding[] } | ReportGap;
  readonly cases: readonly ReportCase[] | ReportGap;
  readonly casesNote: string;
  readonly scores: ReportScores | ReportGap;
  readonly worst: readonly ReportCase[];
  readonly scene: ReportScene | ReportGap;
}

/** What the plans decided, and why. */
export interface ReportPlan {
  readonly title: string;
  readonly paragraphs: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Said of everything that shows pictures of patients. */
const DISCLAIMER = "Research software, not a medical device.";
/** Dice below this stands out in the table. */
const POOR = 0.5;

function gap({ missing, command }: ReportGap): Markup {
  const how = command === undefined ? "" : html` Run <code>${command}</code> and make the report again.`;
  return html`<p class="missing">${missing}${how}</p>`;
}

const isGap = (part: object): part is ReportGap => "missing" in part;

/** Spacing and size as people say them: x, y, z. */
const inXyz = (values: readonly number[]): string => [...values].reverse().map(formatRounded).join(" × ");

function overview({ numbers, notes, labels, plots, histograms, grids }: ReportData): Markup {
  return html`<dl class="numbers">${numbers.map(({ name, value }) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${labels.length === 0 ? "" : html`<h3>Labels</h3>${legend(labels)}`}
${notes.map((note) => html`<p class="hint">${note}</p>`)}
<div class="plots">${plots.map(stripPlot)}</div>
<h3>Intensities of the labelled voxels</h3>
${isGap(histograms) ? gap(histograms) : html`<div class="plots">${histograms.map(histogramPlot)}</div>`}
${grids.length === 0 ? "" : gridDetails(grids)}`;
}

/** Labels with their colours; those that no case has are folded away. */
function legend(labels: readonly ReportLabel[]): Markup {
  const list = (some: readonly ReportLabel[]) =>
    html`<ul class="legend">${some.map(
      ({ value, name, color }) =>
        html`<li><span class="swatch" style="background:${color}"></span>${value} ${name}</li>`,
    )}</ul>`;
  const absent = labels.filter((label) => label.absent === true);
  const folded =
    absent.length === 0
      ? ""
      : html`<details><summary>${absent.length} of ${labels.length} labels in none of the cases that were read</summary>${list(absent)}</details>`;
  return html`${list(labels.filter((label) => label.absent !== true))}${folded}`;
}

function gridDetails(grids: readonly ReportGrid[]): Markup {
  const rows = grids.map(({ name, shape, spacingMm, kept }) => [
    name,
    inXyz(shape),
    inXyz(spacingMm),
    kept === null ? "–" : `${formatRounded(100 * kept)} %`,
  ]);
  return html`<details><summary>All cases as a table</summary>${htmlTable("Cases", ["Case", "Voxels (x × y × z)", "Spacing, mm (x × y × z)", "Cropped to"], rows)}</details>`;
}

function planSection(plan: ReportData["plan"]): Markup {
  if (isGap(plan)) return gap(plan);
  return html`${plan.map(
    ({ title, paragraphs, rows }) =>
      html`<h3>${title}</h3>${paragraphs.map((text) => html`<p>${text}</p>`)}${htmlTable("Numbers of the plan", ["", ...(rows[0] ?? []).slice(1)], rows.slice(1))}`,
  )}`;
}

function findingsSection(findings: ReportData["findings"]): Markup {
  if (isGap(findings)) return gap(findings);
  const { checked, list } = findings;
  if (list.length === 0) return html`<p class="good">${checked}: nothing wrong.</p>`;
  const items = list.map(
    ({ severity, kind, file, found, expected, action }) =>
      html`<li class="${severity}"><strong>${severity === "error" ? "Error" : "Warning"}: ${kind}</strong> in <code>${file}</code><p>Found ${found}; expected ${expected}.</p><p>${action}</p></li>`,
  );
  return html`<p>${checked}.</p><ul class="findings">${items}</ul>`;
}

function caseMarkup({ name, text, groups }: ReportCase): Markup {
  const figure = ({ url, width, height, caption }: ReportPicture) =>
    html`<figure><img src="${url}" width="${width}" height="${height}" alt="${`${name}: ${caption}`}"><figcaption>${caption}</figcaption></figure>`;
  const sideBySide = groups.map(
    (group) => html`<div class="group" style="--pictures:${group.length}">${group.map(figure)}</div>`,
  );
  return html`<h3>${name}</h3><p class="hint">${text}</p><div class="pictures">${sideBySide}</div>`;
}

function scoresSection({ scores, worst }: ReportData): Markup {
  if (isGap(scores)) return gap(scores);
  const { source, labels, rows, means, failures } = scores;
  const cell = (value: number) =>
    value < POOR ? html`<span class="poor">${value.toFixed(3)}</span>` : Number.isNaN(value) ? "–" : value.toFixed(3);
  // Columns of labels that neither side has anywhere would be dashes from top to bottom.
  const there = labels.map((_, k) => k).filter((k) => rows.some(({ dice }) => !Number.isNaN(dice[k])));
  const absent = labels.length - there.length;
  const left = absent === 0 ? "" : html` ${absent} of ${labels.length} labels are in no case and left out.`;
  const pick = <T>(values: readonly T[]) => there.map((k) => values[k]);
  const table = rows.map(({ name, mean, dice }) => [name, cell(mean), ...pick(dice).map(cell)]);
  const all = means.filter((value) => !Number.isNaN(value));
  const total = all.reduce((sum, value) => sum + value, 0) / Math.max(1, all.length);
  return html`<p>${source}. Worst cases first; below ${POOR} in colour; – where neither prediction nor reference has the label.${left}</p>
${failures.map((text) => html`<p class="missing">${text}</p>`)}
${htmlTable("Dice", ["Case", "Mean", ...pick(labels)], [["All cases", cell(total), ...pick(means).map(cell)], ...table])}
${worst.map(caseMarkup)}`;
}

function section(id: string, title: string, body: Markup): Markup {
  return html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>${body}</section>\n`;
}

/** Text of a script that cannot end the element it stands in. */
function scriptText(code: string): Markup {
  return new Markup(code.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--"));
}

/**
 * A report as one HTML file that needs nothing else: pictures, data and script are inside, and a content security
 * policy keeps it from asking for anything.
 *
 * @param viewerScript text of the package's `dist/view/surface-viewer.min.js`; left out when nothing is to be turned
 */
export function formatHtmlReport(data: ReportData, viewerScript: string): string {
  const { cases, scene } = data;
  const parts: readonly (readonly [string, string, Markup])[] = [
    ["dataset", "Dataset", overview(data)],
    ["check", "Check", findingsSection(data.findings)],
    ["plan", "Plan", planSection(data.plan)],
    ["cases", "Cases", html`<p>${data.casesNote}</p>${isGap(cases) ? gap(cases) : cases.map(caseMarkup)}`],
    ["predictions", "Predictions", scoresSection(data)],
    ["surfaces", "In three dimensions", isGap(scene) ? gap(scene) : surfaceMarkup(scene)],
  ];
  const scripts = isGap(scene)
    ? ""
    : html`<script type="application/json" id="surface-data">${scriptText(packSurfaces(scene.surfaces))}</script>
<script>${scriptText(viewerScript)}</script>`;
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark"><title>${data.title}</title><style>${new Markup(REPORT_STYLE)}</style></head><body>
<header><h1>${data.title}</h1><p>${data.made}</p><p>${DISCLAIMER}</p></header>
<nav aria-label="Sections"><ul>${parts.map(([id, title]) => html`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>
<main>${parts.map(([id, title, body]) => section(id, title, body))}</main>
${scripts}</body></html>
`.text;
}
