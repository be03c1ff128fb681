import { BLANKS, GLYPHS, MISSING_GLYPH } from "./glyphs.js";
import { blendPixel, type Color, type Picture, TEXT_COLOR } from "./picture.js";

export interface TextStyle {
  /** Height of a capital in pixels. */
  readonly size: number;
  readonly color?: Color;
  /** Of the pen, in parts of the usual one. */
  readonly weight?: number;
  readonly align?: "left" | "center" | "right";
  /** A shade around the letters, to read them on a scan. */
  readonly halo?: boolean;
}

const CAPITAL = 14;
/** Room between letters and thickness of the pen, in the units of the glyphs. */
const GAP = 3.1;
const PEN = 1.75;
/** Straight parts that a curve is drawn as. */
const PARTS = 6;

/** x0, y0, x1, y1 per straight part. */
interface Outline {
  readonly segments: readonly number[];
  readonly width: number;
}

const outlines = new Map<string, Outline>();

function outlineOf(character: string): Outline {
  const known = outlines.get(character);
  if (known !== undefined) return known;
  const blank = BLANKS[character];
  const outline = blank === undefined ? flatten(strokesOf(character)) : { segments: [], width: blank };
  outlines.set(character, outline);
  return outline;
}

/** The strokes of a character; letters with accents lose them rather than become a box. */
function strokesOf(character: string): string {
  const plain = character.normalize("NFD").charAt(0);
  return GLYPHS[character] ?? GLYPHS[plain] ?? MISSING_GLYPH;
}

function flatten(path: string): Outline {
  const segments: number[] = [];
  let [x, y, width] = [0, 0, 0];
  const lineTo = (toX: number, toY: number) => {
    segments.push(x, y, toX, toY);
    [x, y] = [toX, toY];
    width = Math.max(width, toX);
  };
  for (const [, letter, list] of path.matchAll(/([MLQ])([^MLQ]*)/g)) {
    const values = list.trim().split(/\s+/).map(Number) as [number, number, number, number];
    if (letter === "M") {
      [x, y] = values;
      width = Math.max(width, x);
    } else if (letter === "L") lineTo(values[0], values[1]);
    else {
      const [x0, y0] = [x, y];
      const [cx, cy, x1, y1] = values;
      for (let i = 1; i <= PARTS; i++) {
        const t = i / PARTS;
        const [a, b, c] = [(1 - t) * (1 - t), 2 * t * (1 - t), t * t];
        lineTo(a * x0 + b * cx + c * x1, a * y0 + b * cy + c * y1);
      }
    }
  }
  return { segments, width };
}

/** Pixels that a line of text takes from left to right. */
export function measureText(text: string, size: number): number {
  let width = 0;
  for (const character of text) width += outlineOf(character).width + GAP;
  return text === "" ? 0 : ((width - GAP) * size) / CAPITAL;
}

/** The text, or its beginning and an ellipsis if it is wider than `width` pixels. */
export function shortenText(text: string, size: number, width: number): string {
  if (measureText(text, size) <= width) return text;
  const characters = [...text];
  while (characters.length > 0) {
    characters.pop();
    const shorter = `${characters.join("").trimEnd()}\u2026`;
    if (measureText(shorter, size) <= width) return shorter;
  }
  return "";
}

/** Draws one line of text; `y` is where it stands (the baseline). Returns its width in pixels. */
export function drawText(picture: Picture, text: string, x: number, y: number, style: TextStyle): number {
  const { size, color = TEXT_COLOR, weight = 1, align = "left", halo = false } = style;
  const width = measureText(text, size);
  const scale = size / CAPITAL;
  const start = align === "left" ? x : align === "center" ? x - width / 2 : x - width;
  const pen = Math.max(1.05, PEN * scale * weight);
  for (const pass of halo ? ["halo", "letters"] : ["letters"]) {
    let left = start;
    for (const character of text) {
      const outline = outlineOf(character);
      if (pass === "halo") strokeGlyph(picture, outline, left, y - size, scale, pen + 3, [0, 0, 0], 0.55);
      else strokeGlyph(picture, outline, left, y - size, scale, pen, color, 1);
      left += (outline.width + GAP) * scale;
    }
  }
  return width;
}

function strokeGlyph(
  picture: Picture,
  { segments, width }: Outline,
  left: number,
  top: number,
  scale: number,
  pen: number,
  color: Color,
  opacity: number,
): void {
  const reach = pen / 2 + 1;
  const [firstX, lastX] = [Math.floor(left - reach), Math.ceil(left + width * scale + reach)];
  const [firstY, lastY] = [Math.floor(top - 2 * scale - reach), Math.ceil(top + 19 * scale + reach)];
  const columns = lastX - firstX + 1;
  // Squares of the distances to the nearest segment, in the units of the glyphs, where the pen may reach.
  const nearest = new Float64Array(columns * (lastY - firstY + 1)).fill(Number.POSITIVE_INFINITY);
  for (let i = 0; i < segments.length; i += 4) {
    const [x0, y0] = [segments[i], segments[i + 1]];
    const [x1, y1] = [segments[i + 2], segments[i + 3]];
    const fromX = Math.max(firstX, Math.floor(left + Math.min(x0, x1) * scale - reach));
    const toX = Math.min(lastX, Math.ceil(left + Math.max(x0, x1) * scale + reach));
    const fromY = Math.max(firstY, Math.floor(top + Math.min(y0, y1) * scale - reach));
    const toY = Math.min(lastY, Math.ceil(top + Math.max(y0, y1) * scale + reach));
    const [dx, dy] = [x1 - x0, y1 - y0];
    const squared = dx * dx + dy * dy;
    for (let y = fromY; y <= toY; y++) {
      const py = (y + 0.5 - top) / scale - y0;
      for (let x = fromX; x <= toX; x++) {
        const px = (x + 0.5 - left) / scale - x0;
        const along = squared === 0 ? 0 : Math.max(0, Math.min(1, (px * dx + py * dy) / squared));
        const [ex, ey] = [px - along * dx, py - along * dy];
        const distance = ex * ex + ey * ey;
        const at = (y - firstY) * columns + x - firstX;
        if (distance < nearest[at]) nearest[at] = distance;
      }
    }
  }
  for (let y = firstY, at = 0; y <= lastY; y++) {
    for (let x = firstX; x <= lastX; x++, at++) {
      const distance = nearest[at];
      if (distance === Number.POSITIVE_INFINITY) continue;
      const cover = Math.max(0, Math.min(1, pen / 2 + 0.5 - Math.sqrt(distance) * scale));
      blendPixel(picture, x, y, color, opacity * cover);
    }
  }
}
