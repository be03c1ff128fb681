import { expect, test } from "vitest";
import { html } from "../../src/view/markup.js";
import { formatHtmlReport, type ReportData } from "../../src/view/report.js";
import { histogramPlot, stripPlot } from "../../src/view/report-plots.js";
import { base64, packSurfaces } from "../../src/view/report-surface.js";

const gap = { missing: "nothing there", command: "nnprep plan -t 1" };
const EMPTY: ReportData = {
  title: "Task001_<b>",
  made: "",
  numbers: [],
  notes: [],
  labels: [{ value: 1, name: '"><script>alert(1)</script>', color: "red" }],
  plots: [],
  histograms: gap,
  grids: [],
  plan: gap,
  findings: gap,
  cases: gap,
  casesNote: "",
  scores: gap,
  worst: [],
  scene: gap,
};

const bytesOf = (text: string) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

test("what comes from files is text, never markup", () => {
  expect(html`<p title="${'a"b'}">${"<&>'"}${null}${["x", 1]}</p>`.text).toBe(
    '<p title="a&quot;b">&lt;&amp;&gt;&#39;x1</p>',
  );
  const page = formatHtmlReport(EMPTY, "");
  expect(page).not.toContain("<script>alert");
  expect(page).toContain("Task001_&lt;b&gt;");
});

test("every part that is missing says what to run", () => {
  expect(formatHtmlReport(EMPTY, "").match(/Run <code>nnprep plan -t 1<\/code>/g)).toHaveLength(6);
});

test("a script cannot end the element it stands in", () => {
  const scene = {
    caseName: "a",
    surfaces: [
      {
        label: 1,
        name: "x",
        color: [1, 2, 3] as const,
        positions: Float32Array.of(0, 0, 0, 1, 0, 0, 0, 1, 0),
        triangles: Uint32Array.of(0, 1, 2),
      },
    ],
  };
  const page = formatHtmlReport({ ...EMPTY, scene }, 'const a = "</script><!--";');
  expect(page.match(/<\/script/g)).toHaveLength(2);
  expect(page).toContain('const a = "<\\/script><\\!--";');
});

for (const length of [0, 1, 2, 3, 4, 255, 256]) {
  test(`base64 of ${length} bytes is read back`, () => {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 37) & 255);
    expect(bytesOf(base64(bytes))).toEqual(bytes);
  });
}

test("packed surfaces are within half a step of what they were", () => {
  const surface = (label: number, offset: number) => ({
    label,
    name: String(label),
    color: [0, 0, 0] as const,
    positions: Float32Array.from({ length: 30 }, (_, i) => offset + ((i * 7919) % 313) / 3),
    triangles: Uint32Array.of(0, 1, 2, 3, 4, 9),
  });
  const surfaces = [surface(1, -120), surface(7, 40)];
  const packed = JSON.parse(packSurfaces(surfaces));
  for (const [s, { positions, triangles }] of surfaces.entries()) {
    const steps = new Uint16Array(bytesOf(packed.surfaces[s].positions).buffer);
    for (const [i, step] of steps.entries()) {
      const mm = packed.originMm[i % 3] + step * packed.stepMm;
      expect(Math.abs(mm - positions[i])).toBeLessThanOrEqual(packed.stepMm * 0.5001);
    }
    expect(new Uint32Array(bytesOf(packed.surfaces[s].triangles).buffer)).toEqual(triangles);
  }
});

test("plots draw one mark per value, and stand the odd dataset", () => {
  const plot = stripPlot({ title: "t", unit: "mm", rows: [{ name: "x", values: [1, 2, 200, Number.NaN] }] });
  expect(plot.text.match(/<circle/g)).toHaveLength(3);
  for (const values of [[], [0], [3, 3, 3], [-1, 0, 1], [1e-9, 1e9]]) {
    const { text } = stripPlot({ title: "t", unit: "mm", rows: [{ name: "x", values }], targets: [null] });
    expect(text).not.toMatch(/NaN|Infinity|undefined/);
  }
  const counts = [0, 3, 0, 9];
  const histogram = histogramPlot({
    title: "h",
    unit: "HU",
    counts,
    low: -5,
    high: 5,
    marks: [
      { value: 0, name: "m" },
      { value: 9, name: "out" },
    ],
  });
  expect(histogram.text.match(/<rect/g)).toHaveLength(2);
  expect(histogram.text.match(/class="mark"/g)).toHaveLength(1);
});
