import type { GaussianSettings } from "./gaussian.js";
import type { MirrorOrder } from "./patches.js";

/** In what the generations of nnU-Net differ when they predict an image window by window. */
export interface WindowRules {
  readonly gaussian: GaussianSettings;
  /** True: where one window covers the image (or the slice, for a 2-D network), all its voxels count alike. */
  readonly plainSingleWindow: boolean;
  readonly mirrorOrder: MirrorOrder;
  /** What is averaged: the network's output as it is (null), or what this makes of each single output. */
  readonly activation: "softmax" | "sigmoid" | null;
  /** Of the sums over windows and folds. */
  readonly precision: "float16" | "float32";
}

/** nnU-Net 2.8.1, `predict_sliding_window_return_logits`: logits in float16. */
export const LOGITS_V2: WindowRules = {
  gaussian: { largest: 10, precision: "float16" },
  plainSingleWindow: false,
  mirrorOrder: "fewest axes first",
  activation: null,
  precision: "float16",
};

/** nnU-Net 1.7.1 on a CPU, `SegmentationNetwork.predict_3D`: probabilities in float32. */
export const PROBABILITIES_V1: WindowRules = {
  gaussian: { largest: 1, precision: "float32" },
  plainSingleWindow: true,
  mirrorOrder: "last axis fastest",
  activation: "softmax",
  precision: "float32",
};
