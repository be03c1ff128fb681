import { html, type Markup } from "./markup.js";
import type { Color } from "./picture.js";

/** A closed surface of one label in patient millimetres (towards left, posterior, superior), as `labelSurface` makes it. */
export interface ReportSurface {
  readonly label: number;
  readonly name: string;
  readonly color: Color;
  /** x y z of each vertex. */
  readonly positions: Float32Array;
  /** Three vertices each. */
  readonly triangles: Uint32Array;
}

/** Surfaces that a reader of the report can turn. */
export interface ReportScene {
  readonly caseName: string;
  readonly surfaces: readonly ReportSurface[];
}

const STEPS = 65535;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Bytes as base64, the same in Node and in a page. */
export function base64(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let start = 0; start < bytes.length; start += 3) {
    const [a, b = 0, c = 0] = bytes.subarray(start, start + 3) as unknown as [number, number?, number?];
    const left = bytes.length - start;
    parts.push(
      ALPHABET[a >> 2] + ALPHABET[((a & 3) << 4) | (b >> 4)],
      left > 1 ? ALPHABET[((b & 15) << 2) | (c >> 6)] : "=",
      left > 2 ? ALPHABET[c & 63] : "=",
    );
  }
  return parts.join("");
}

/** What the report's script reads: positions as 16-bit steps of the common box, whose longest side has 65535 of them. */
export function packSurfaces(surfaces: readonly ReportSurface[]): string {
  const low = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const high = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { positions } of surfaces) {
    for (let i = 0; i < positions.length; i++) {
      const value = positions[i];
      if (value < low[i % 3]) low[i % 3] = value;
      if (value > high[i % 3]) high[i % 3] = value;
    }
  }
  const longest = Math.max(...high.map((value, axis) => value - low[axis]), 1e-3);
  const stepMm = longest / STEPS;
  const packed = surfaces.map(({ label, color, positions, triangles }) => {
    const steps = new Uint16Array(positions.length);
    for (let i = 0; i < steps.length; i++) {
      steps[i] = Math.round((positions[i] - low[i % 3]) / stepMm);
    }
    return {
      label,
      color,
      positions: base64(new Uint8Array(steps.buffer)),
      triangles: base64(new Uint8Array(triangles.buffer, triangles.byteOffset, triangles.byteLength)),
    };
  });
  return JSON.stringify({ stepMm, originMm: low, surfaces: packed });
}

const ALL_OR_NONE = html`<button type="button" id="surface-all">all</button><button type="button" id="surface-none">none</button>`;

/** The section with the turnable picture, its controls and its data; the script comes at the end of the page. */
export function surfaceMarkup({ caseName, surfaces }: ReportScene): Markup {
  const css = ([r, g, b]: Color) => `rgb(${r} ${g} ${b})`;
  return html`<p>Reference labels (<code>labelsTr</code>) of <code>${caseName}</code> as smooth surfaces; predictions are not drawn here. Drag to turn, wheel or pinch to come nearer; with the keyboard: arrows and + −. It begins with a view from the front: the patient's right is on the left.</p>
<div id="surface"><canvas tabindex="0" role="img" aria-label="${`Turnable surfaces of ${surfaces.map(({ name }) => name).join(", ")} of case ${caseName}`}"></canvas></div>
<fieldset id="surface-labels"><legend>Shown</legend>${surfaces.length > 1 ? ALL_OR_NONE : ""}${surfaces.map(
    ({ label, name, color }) =>
      html`<label><input type="checkbox" value="${label}" checked> <span class="swatch" style="background:${css(color)}"></span>${name}</label>`,
  )}<label>Opacity <input type="range" id="surface-opacity" min="0.15" max="1" step="0.05" value="${surfaces.length > 1 ? 0.55 : 1}"></label></fieldset>`;
}
