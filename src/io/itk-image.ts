import type { Geometry, Shape3, Volume, VoxelArray } from "../core/volume.js";

/**
 * Origin and direction with the signs of zero that an `itk::Image` has (ITK 5.4). It begins at origin 0 with the identity
 * and takes over only what differs from that: the origin as a whole, the direction entry by entry. So a negative zero
 * lives on the diagonal, and in an origin that has some other number; nnU-Net writes it into its properties.
 *
 * @param origin of three axes, LPS. @param direction row-major 3x3.
 */
export function placedAsInItk(
  origin: readonly number[],
  direction: readonly number[],
): Pick<Geometry, "originMm" | "direction"> {
  const isOrigin = origin.every((x) => x === 0);
  return {
    originMm: (isOrigin ? [0, 0, 0] : [...origin]) as unknown as Geometry["originMm"],
    direction: direction.map((x, i) => (x === 0 && i % 4 !== 0 ? 0 : x)) as unknown as Geometry["direction"],
  };
}

/** An image as SimpleITK gives it, of two, three or four axes; spacing, origin and direction fastest axis first. */
export interface ItkImage {
  /** One array for each place along the fourth axis, else one; each of `shape`, C order. */
  readonly channels: readonly VoxelArray[];
  /** Slowest axis first; a plane has depth 1. */
  readonly shape: Shape3;
  /** mm; two, three or four numbers. */
  readonly spacing: readonly number[];
  readonly origin: readonly number[];
  /** Row-major square matrix, `GetDirection()`. */
  readonly direction: readonly number[];
}

export interface ItkReading {
  readonly image: ItkImage;
  readonly warnings: readonly string[];
}

/** A volume as an ITK image, of two axes when `planar`. */
export function itkImageOf({ data, shape, geometry }: Volume, planar: boolean): ItkImage {
  const { spacingMm: s, originMm: o, direction: d } = geometry;
  const grid = planar
    ? { spacing: [s[2], s[1]], origin: [o[0], o[1]], direction: [d[0], d[1], d[3], d[4]] }
    : { spacing: [s[2], s[1], s[0]], origin: o, direction: d };
  return { channels: [data], shape, ...grid };
}
