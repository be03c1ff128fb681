import type { Geometry } from "../core/volume.js";

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
