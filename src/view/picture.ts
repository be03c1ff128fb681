import { NnprepError } from "../core/errors.js";

/** A picture: `width * height` pixels of red, green, blue and opacity, rows from the top; as a canvas's ImageData. */
export interface Picture {
  readonly data: Uint8ClampedArray<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
}

/** Red, green and blue from 0 to 255. */
export type Color = readonly [number, number, number];

export const BACKGROUND: Color = [13, 16, 21];
export const TEXT_COLOR: Color = [226, 231, 238];
export const DIM_TEXT_COLOR: Color = [139, 149, 163];

/** Longest side of a picture in pixels: what every browser's canvas takes. */
const LARGEST_SIDE = 8192;

/** Throws unless a picture can have this size. */
export function checkPictureSize(width: number, height: number): void {
  for (const side of [width, height]) {
    if (!Number.isInteger(side) || side < 16 || side > LARGEST_SIDE) {
      throw new NnprepError(
        "INVALID_ARGUMENT",
        `a picture of ${width} x ${height} pixels: both sides must be whole numbers from 16 to ${LARGEST_SIDE}`,
        { found: [width, height], expected: [16, LARGEST_SIDE] },
      );
    }
  }
}

/** An opaque picture of one colour. */
export function createPicture(width: number, height: number, [r, g, b]: Color = BACKGROUND): Picture {
  checkPictureSize(width, height);
  const data = new Uint8ClampedArray(4 * width * height);
  // One pixel as a 32-bit number in the machine's own byte order.
  const pixel = new Uint32Array(new Uint8Array([r, g, b, 255]).buffer)[0];
  new Uint32Array(data.buffer).fill(pixel);
  return { data, width, height };
}

/** Mixes a colour into one pixel; pixels outside are left out. */
export function blendPixel({ data, width, height }: Picture, x: number, y: number, color: Color, opacity: number) {
  if (x < 0 || y < 0 || x >= width || y >= height || opacity <= 0) return;
  const at = 4 * (y * width + x);
  for (let c = 0; c < 3; c++) {
    const below = data[at + c];
    data[at + c] = below + (color[c] - below) * opacity;
  }
}

/** Fills a rectangle given in whole pixels. */
export function fillRectangle(
  picture: Picture,
  left: number,
  top: number,
  width: number,
  height: number,
  color: Color,
  opacity = 1,
): void {
  for (let y = top; y < top + height; y++) {
    for (let x = left; x < left + width; x++) blendPixel(picture, x, y, color, opacity);
  }
}

/** Copies a whole picture into another; what stands over is cut off. */
export function placePicture(target: Picture, source: Picture, left: number, top: number): void {
  const first = Math.max(0, -left);
  const last = Math.min(source.width, target.width - left);
  if (first >= last) return;
  for (let y = Math.max(0, -top); y < source.height && top + y < target.height; y++) {
    const row = source.data.subarray(4 * (y * source.width + first), 4 * (y * source.width + last));
    target.data.set(row, 4 * ((top + y) * target.width + left + first));
  }
}

/** A line with round ends; coordinates in pixels, pixel centres at halves. */
export function drawLine(
  picture: Picture,
  [x0, y0]: readonly [number, number],
  [x1, y1]: readonly [number, number],
  thickness: number,
  color: Color,
  opacity = 1,
): void {
  const reach = thickness / 2 + 1;
  const [dx, dy] = [x1 - x0, y1 - y0];
  const squared = dx * dx + dy * dy;
  const top = Math.max(0, Math.floor(Math.min(y0, y1) - reach));
  const bottom = Math.min(picture.height - 1, Math.ceil(Math.max(y0, y1) + reach));
  const left = Math.max(0, Math.floor(Math.min(x0, x1) - reach));
  const right = Math.min(picture.width - 1, Math.ceil(Math.max(x0, x1) + reach));
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const [px, py] = [x + 0.5 - x0, y + 0.5 - y0];
      const along = squared === 0 ? 0 : Math.max(0, Math.min(1, (px * dx + py * dy) / squared));
      const [ex, ey] = [px - along * dx, py - along * dy];
      const cover = thickness / 2 + 0.5 - Math.sqrt(ex * ex + ey * ey);
      if (cover > 0) blendPixel(picture, x, y, color, opacity * Math.min(1, cover));
    }
  }
}
