import { median } from "../core/numeric.js";
import { formatRounded, html, type Markup } from "./markup.js";

/* Plots as SVG that takes its colours from the page's style sheet, so that they follow light, dark and paper. */

const WIDTH = 640;
const LEFT = 130;
const RIGHT = 24;

/** Where values lie along an axis. */
interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

/** About `count` round numbers that cover the range. */
function roundTicks(low: number, high: number, count = 5): number[] {
  const raw = (high - low) / count;
  let step = 1;
  while (step > raw) step /= 10;
  while (step * 10 <= raw) step *= 10;
  step *= [1, 2, 5, 10].find((factor) => step * factor >= raw) ?? 10;
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) ticks.push(i * step);
  return ticks;
}

/** Powers of ten, and twice and five times them while there are few. */
function decadeTicks(low: number, high: number): number[] {
  const ticks: number[] = [];
  for (let power = -9; power <= 12; power++) {
    for (const factor of [1, 2, 5]) {
      const tick = Number(`${factor}e${power}`);
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  }
  return ticks.length > 8 ? ticks.filter((tick) => /^1/.test(tick.toExponential())) : ticks;
}

function scaleOver(values: readonly number[], logarithmic: boolean, end?: number): Scale {
  const finite = values.filter((value) => Number.isFinite(value) && (!logarithmic || value > 0));
  let low = finite.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  let high = finite.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  if (finite.length === 0) [low, high] = [0, 1];
  if (low === high) {
    const room = Math.max(Math.abs(low) / 20, 1e-6);
    if (end !== undefined) low = end - room;
    else [low, high] = logarithmic ? [low / 2, high * 2] : [low - room, high + room];
  }
  const place = logarithmic ? Math.log : (value: number) => value;
  const span = place(high) - place(low);
  const room = WIDTH - LEFT - RIGHT;
  return {
    at: (value) => LEFT + ((place(value) - place(low)) / span) * room,
    ticks: logarithmic ? decadeTicks(low, high) : roundTicks(low, high),
  };
}

const px = (value: number): string => value.toFixed(1);

function axis(scale: Scale, y: number, unit: string): Markup {
  return html`<line class="axis" x1="${LEFT}" y1="${y}" x2="${WIDTH - RIGHT}" y2="${y}"/>${scale.ticks.map(
    (tick) =>
      html`<line class="axis" x1="${px(scale.at(tick))}" y1="${y}" x2="${px(scale.at(tick))}" y2="${y + 5}"/><text x="${px(scale.at(tick))}" y="${y + 19}" text-anchor="middle">${formatRounded(tick)}</text>`,
  )}<text class="unit" x="${WIDTH - RIGHT}" y="${y + 36}" text-anchor="end">${unit}</text>`;
}

function figure(title: string, description: string, height: number, body: Markup): Markup {
  return html`<figure class="plot"><figcaption>${title}</figcaption><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${`${title}. ${description}`}">${body}</svg></figure>`;
}

/** One row of points. */
export interface StripRow {
  readonly name: string;
  /** One per case. */
  readonly values: readonly number[];
  readonly color?: string;
}

/** Values of cases as points, a row per label. */
export interface StripPlot {
  readonly title: string;
  readonly unit: string;
  readonly rows: readonly StripRow[];
  /** Where the axis ends, whatever the values are: 100 for percent. */
  readonly most?: number;
  /** A value that all cases are taken to, drawn as a line per row. */
  readonly targets?: readonly (number | null)[];
}

/** One dot per case and a bar at the median, a row for each kind of value; logarithmic where values differ widely. */
export function stripPlot({ title, unit, rows, targets = [], most: end }: StripPlot): Markup {
  const all = [...rows.flatMap((row) => row.values), ...targets.filter((target) => target !== null)];
  const positive = all.filter((value) => value > 0);
  const least = positive.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const most = positive.reduce((a, b) => Math.max(a, b), 0);
  const logarithmic = end === undefined && positive.length === all.length && most / least > 30;
  const scale = scaleOver(end === undefined ? all : [...all, end], logarithmic, end);
  const height = rows.length * 34 + 52;
  const body = rows.map((row, i) => {
    const y = i * 34 + 22;
    const target = targets[i];
    const dots = row.values
      .filter((value) => Number.isFinite(value))
      // Neighbours do not hide each other: the height of a dot goes round in a fixed order.
      .map(
        (value, k) =>
          html`<circle cx="${px(scale.at(value))}" cy="${px(y + (((k * 5) % 7) - 3) * 1.6)}" r="3.5"${row.color === undefined ? "" : html` style="fill:${row.color}"`}/>`,
      );
    const middle = median(row.values);
    return html`<text x="${LEFT - 12}" y="${y + 5}" text-anchor="end">${row.name}</text><line class="grid" x1="${LEFT}" y1="${y}" x2="${WIDTH - RIGHT}" y2="${y}"/><g class="dots">${dots}</g>${
      Number.isFinite(middle)
        ? html`<line class="median" x1="${px(scale.at(middle))}" y1="${y - 11}" x2="${px(scale.at(middle))}" y2="${y + 11}"/>`
        : ""
    }${
      target === undefined || target === null
        ? ""
        : html`<path class="target" d="M${px(scale.at(target))} ${y - 13}l5 -8h-10z"/>`
    }`;
  });
  const said = rows
    .map((row) => `${row.name}: median ${formatRounded(median(row.values))}, ${row.values.length} values`)
    .join("; ");
  return figure(
    title,
    said,
    height,
    html`${body}${axis(scale, height - 40, logarithmic ? `${unit}, logarithmic` : unit)}`,
  );
}

/** Bars of equal width. */
export interface Histogram {
  readonly title: string;
  readonly unit: string;
  /** Voxels per bin; bins are equally wide from `low` to `high`. */
  readonly counts: readonly number[];
  readonly low: number;
  readonly high: number;
  /** Values to mark, with a word each. */
  readonly marks: readonly { readonly value: number; readonly name: string }[];
}

/** Bars of a histogram, with marks such as the bounds that intensities are clipped to. */
export function histogramPlot({ title, unit, counts, low, high, marks }: Histogram): Markup {
  const top = 34;
  const height = 230;
  const floor = height - 42;
  const most = counts.reduce((a, b) => Math.max(a, b), 1);
  const scale = scaleOver([low, high], false);
  const width = (scale.at(high) - scale.at(low)) / counts.length;
  const bars = counts.map((count, i) => {
    const tall = (count / most) * (floor - top);
    return tall > 0
      ? html`<rect x="${px(scale.at(low) + i * width)}" y="${px(floor - tall)}" width="${px(Math.max(0.5, width - 0.5))}" height="${px(tall)}"/>`
      : "";
  });
  const visible = marks.filter(({ value }) => value >= low && value <= high);
  const lines = visible.map(({ value, name }, i) => {
    const x = scale.at(value);
    const onRight = x > WIDTH - 160;
    // Words next to each other share no line.
    const y = 12 + (i % 2) * 14;
    return html`<line class="mark" x1="${px(x)}" y1="${y + 3}" x2="${px(x)}" y2="${floor}"/><text class="mark-name" x="${px(onRight ? x - 4 : x + 4)}" y="${y}" text-anchor="${onRight ? "end" : "start"}">${name} ${formatRounded(value)}</text>`;
  });
  const said = marks.map(({ value, name }) => `${name} ${formatRounded(value)}`).join(", ");
  return figure(title, said, height, html`<g class="bars">${bars}</g>${lines}${axis(scale, floor, unit)}`);
}
