import type { LabelRule } from "../../kernels/linear-labels.js";
import type { LabelResampling, SeparateAxisRule } from "../../steps/resample.js";

/** nnU-Net 1.7.1 resamples an axis by itself where a spacing is anisotropic by more than a factor of 3. */
export const SEPARATE_AXIS: SeparateAxisRule = { force: null, threshold: 3 };

/** That of batchgenerators up to 0.25.3, which nnU-Net 1.7.1 was made with. */
export const DEFAULT_LABEL_RULE: LabelRule = "threshold";

/** How labels are resampled. */
export interface LabelOptions {
  /** 1 (default): linear per label, as nnU-Net's code; 0: nearest, as in published descriptions of it. */
  readonly labelOrder?: 0 | 1;
  /**
   * With order 1, which label wins where several meet. "threshold" (default): the largest that holds half of the voxel,
   * as with batchgenerators up to 0.25.3; "argmax-nearest": the one that holds most of it, as since 0.25.4, which a
   * fresh installation of nnU-Net v1 has.
   */
  readonly labelRule?: LabelRule;
}

/** The step's rule for options whose defaults are those of nnU-Net 1.7.1 in its time. */
export function labelResampling({ labelOrder = 1, labelRule = DEFAULT_LABEL_RULE }: LabelOptions): LabelResampling {
  return labelOrder === 0 ? "nearest" : labelRule;
}
