/** Numbers of grids as people write them. */

/** At most three decimals, no trailing zeros. */
export function formatNumber(value: number): string {
  return String(Number(value.toFixed(3)));
}

export function formatSpacing(spacing: readonly number[]): string {
  return spacing.map(formatNumber).join(" x ");
}

export function formatVoxels(shape: readonly number[]): string {
  return shape.join(" x ");
}
