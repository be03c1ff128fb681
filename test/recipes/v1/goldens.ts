import type { Vec3 } from "../../../src/core/volume.js";
import type { DatasetProperties } from "../../../src/recipes/v1/documents/fingerprint.js";

/** A synthetic dataset of test/oracle/plans.py with the plans of nnU-Net's own planners. */
export interface GoldenPlans {
  dataset: {
    name: string;
    /** Count, size after cropping, spacing, share of voxels left by cropping. */
    cases: [number, [number, number, number], [number, number, number], number][];
    modalities: string[];
    classes: number;
  };
  plans: Record<"3d" | "3d_min" | "2d", Record<string, unknown>>;
  keys: Record<"3d" | "3d_min" | "2d", string[]>;
}

export const goldens = Object.values(
  import.meta.glob<GoldenPlans[]>("../../golden/plans/*.json", { eager: true, import: "default" }),
).flat();

export function properties({ cases, modalities, classes }: GoldenPlans["dataset"]): DatasetProperties {
  const each = cases.flatMap(([count, ...rest]) => Array.from({ length: count }, () => rest));
  return {
    all_sizes: each.map(([size]) => size),
    all_spacings: each.map(([, spacing]): Vec3 => spacing),
    all_classes: Array.from({ length: classes }, (_, i) => i + 1),
    modalities: new Map(modalities.map((name, i) => [i, name])),
    intensityproperties: null,
    size_reductions: new Map(each.map(([, , reduction], i) => [`case_${String(i).padStart(3, "0")}`, reduction])),
  };
}
