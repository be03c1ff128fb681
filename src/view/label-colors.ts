import type { Color } from "./picture.js";

/** Told apart by eye on black and on grey scans; labels of most tasks need no more. */
const FIRST: readonly Color[] = [
  [235, 87, 87],
  [72, 187, 120],
  [74, 144, 226],
  [246, 196, 69],
  [178, 112, 222],
  [64, 199, 211],
  [240, 140, 60],
  [233, 120, 180],
  [163, 201, 76],
  [190, 138, 105],
  [128, 148, 255],
  [224, 214, 170],
];

/** Golden section of the circle of hues: neighbours in number are far apart in colour. */
const STEP = 0.618033988749895;
const LIGHTNESS = [0.62, 0.5, 0.74];
const SATURATION = [0.75, 0.55];

function fromHue(hue: number, saturation: number, lightness: number): Color {
  const chroma = saturation * Math.min(lightness, 1 - lightness);
  const channel = (n: number) => {
    const k = (n + hue * 12) % 12;
    return Math.round(255 * (lightness - chroma * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

/** The colour of a label in every picture of this package, whatever other labels there are. `label` from 1 on. */
export function labelColor(label: number): Color {
  const first = FIRST[label - 1];
  if (first !== undefined) return first;
  const hue = label * STEP;
  return fromHue(hue - Math.floor(hue), SATURATION[label % 2], LIGHTNESS[label % 3]);
}
