/** One slice as steps through the array. */
export interface Section {
  readonly columns: number;
  readonly rows: number;
  readonly columnStep: number;
  readonly rowStep: number;
  readonly start: number;
  readonly columnSpacing: number;
  readonly rowSpacing: number;
}

/** For each pixel along one side: the two voxels it lies between and the weight of the second; -1 outside. */
export function taps(pixels: number, offset: number, scale: number, spacing: number, count: number) {
  const low = new Int32Array(pixels).fill(-1);
  const high = new Int32Array(pixels);
  const weight = new Float64Array(pixels);
  for (let i = 0; i < pixels; i++) {
    const position = (i + 0.5 - offset) / (scale * spacing);
    if (position < 0 || position >= count) continue;
    const voxel = Math.max(0, Math.min(count - 1, position - 0.5));
    low[i] = Math.floor(voxel);
    high[i] = Math.min(count - 1, low[i] + 1);
    weight[i] = voxel - low[i];
  }
  return { low, high, weight };
}

export type Taps = ReturnType<typeof taps>;
