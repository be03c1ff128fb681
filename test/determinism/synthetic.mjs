/** Synthetic cases made of whole numbers, so that every engine has the same ones. */

/** Whole numbers from 0 to 2^16 - 1, the same for a seed everywhere. */
export function drawsOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 16;
  };
}

/** Float values with fractions, some of them 0. */
export function floats(length, seed) {
  const draw = drawsOf(seed);
  return Float32Array.from({ length }, () => (draw() % 16 === 0 ? 0 : (draw() - 32768) / 37));
}

/** A body of tissue with two organs in air; MR is 0 outside of the body. */
export function syntheticCase(shape, channels, seed) {
  const [n0, n1, n2] = shape;
  const draw = drawsOf(seed);
  const label = new Int16Array(n0 * n1 * n2);
  const images = Array.from({ length: channels }, () => new Float32Array(label.length));
  const inside = (i, n, part) => Math.abs(2 * i + 1 - n) < 2 * part * n;
  for (let i = 0, at = 0; i < n0; i++) {
    for (let j = 0; j < n1; j++) {
      for (let k = 0; k < n2; k++, at++) {
        const within = (part) => inside(i, n0, part) && inside(j, n1, part) && inside(k, n2, part);
        if (within(0.25)) label[at] = k < n2 / 2 ? 1 : 2;
        for (const [c, image] of images.entries()) {
          const noise = (draw() >> 8) - 128;
          if (within(0.38)) image[at] = 400 + 100 * c + noise;
          else if (channels === 1) image[at] = -1000 + (noise >> 4);
        }
      }
    }
  }
  return { channels: images, label, shape };
}
