import type { Shape3 } from "../core/volume.js";
import type { CaseProperties, ReaderProperties } from "../recipes/v2/documents/properties.js";
import type { Store } from "../runner/store.js";
import type { ProbabilitySlabs } from "../steps/probabilities.js";
import type { ClassVolumes } from "../steps/restore-logits.js";
import type { NetworkInput } from "./patches.js";

/** A case as a reader of nnU-Net gives it, axes of the file. */
export interface CaseInput {
  /** One per channel of dataset.json, in their order, each of `shape`. */
  readonly channels: readonly Float32Array[];
  readonly shape: Shape3;
  readonly properties: ReaderProperties;
  /** Labels of the previous stage, of `shape`; a cascade needs them. */
  readonly previousStage?: Int16Array | undefined;
}

/** Labels on the scan's grid, axes of the file. */
export interface RestoredLabels {
  readonly labels: Uint8Array | Uint16Array;
  readonly warnings: readonly string[];
}

/** Probabilities of each class on the whole scan; the array is used again for the next one. */
export interface ScanProbabilities {
  readonly classes: number;
  readonly volumes: ClassVolumes;
}

/** Writes `ID.npz` and `ID.pkl` as the generation of nnU-Net keeps them beside a segmentation. */
export type SaveProbabilities = (output: Store, identifier: string) => Promise<void>;

/** With probabilities; on the scan for v2, while v1 keeps those inside its crop box only. */
export interface RestoredProbabilities extends RestoredLabels {
  readonly probabilities: ScanProbabilities | undefined;
  readonly save: SaveProbabilities;
}

/** A case on its way through a network: what goes in, and how what comes out gets back to the scan. */
export interface PreparedCase {
  readonly image: NetworkInput;
  readonly warnings: readonly string[];
  /** What nnU-Net v2 stores beside probabilities; null for v1. */
  readonly properties: CaseProperties | null;
  toLabels(output: ProbabilitySlabs): Promise<RestoredLabels>;
  toProbabilities(output: ProbabilitySlabs): Promise<RestoredProbabilities>;
}

export interface PrepareOptions {
  /** True: the input's arrays are given up. */
  readonly inPlace?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}
