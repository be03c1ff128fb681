import { checkSameProperties, type NamedProperties } from "../ensemble-members.js";
import type { ExportProperties } from "./export.js";

/** What members of an ensemble must have in common: everything that decides where a voxel lies and what it is called. */
const SHARED = [
  "original_size_of_raw_data",
  "original_spacing",
  "itk_origin",
  "itk_spacing",
  "itk_direction",
  "crop_bbox",
  "size_after_cropping",
  "regions_class_order",
] as const satisfies readonly (keyof ExportProperties)[];

/**
 * Throws GEOMETRY_MISMATCH unless the members' properties are of one scan and one choice of regions. nnU-Net 1.7.1
 * compares the regions only and takes everything else from the first member.
 */
export function checkMembersAgree(members: readonly NamedProperties<ExportProperties>[]): void {
  checkSameProperties(members, SHARED, "come from the same scan and have the same classes");
}
