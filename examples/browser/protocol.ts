import type { Box3, Geometry, PlainError, Shape3, Vec3, VoxelArray } from "nnprep";
import type { Finding } from "nnprep/dataset";
import type { IntensityStatistics, NormalizationScheme } from "nnprep/v1";
import type { GreyLine } from "./grey-line.js";

/** What the page and its worker say to each other: plain values, so that they survive the way. */

/** A file with its path inside the folder that was dropped or chosen; `File` itself loses it on the way. */
export interface PathFile {
  readonly path: string;
  readonly file: File;
}

/** What is accepted although it is doubtful, by the library's names (`tilt`, `gap` ...). */
export type Allowance = string;

export interface CaseFiles {
  /** One file, one per channel (ID_0000, ID_0001 ...), or the slices of one series. */
  readonly scans: readonly PathFile[];
  readonly label: PathFile | null;
  readonly allow: readonly Allowance[];
  /** Which DICOM series, when the files hold several. */
  readonly series: string | null;
  /** Where the page serves the decoder of compressed DICOM. */
  readonly pipelinesUrl: string;
}

/** How the user wants the case prepared; spacings slowest axis first. */
export type Settings =
  | {
      readonly from: "form";
      readonly targetSpacingMm: Vec3;
      readonly scheme: NormalizationScheme;
      /** null: as nnU-Net decides. */
      readonly useMask: boolean | null;
      /** For CT without a label; null: from the label's voxels. */
      readonly statistics: CtNumbers | null;
    }
  /** A stage of v1's plans by its number, or a configuration of v2's by its name. */
  | { readonly from: "plans"; readonly choice: string };

export interface CtNumbers {
  readonly mean: number;
  readonly sd: number;
  readonly percentile_00_5: number;
  readonly percentile_99_5: number;
}

export type Output = "arrays" | "seg" | "properties" | "image" | "label";

export interface Requests {
  open: { ask: CaseFiles; answer: OpenedCase };
  /** Plans of v1, plans and dataset.json of v2, or a model. */
  recipe: { ask: readonly PathFile[]; answer: OpenedRecipe };
  prepare: { ask: Settings; answer: PreparedCase };
  predict: { ask: PredictSettings; answer: RestoredLabel };
  /** Pictures of another channel, which stays chosen. */
  channel: { ask: number; answer: ChannelPictures };
  output: { ask: Output; answer: NamedBlob };
  /** A label or probabilities on the prepared grid, or null for the label of this case. */
  restore: { ask: PathFile | null; answer: RestoredLabel };
}

export interface ChannelPictures {
  readonly before: Picture;
  readonly after: Pick<PreparedCase, "image" | "line"> | null;
}

export interface NamedBlob {
  readonly name: string;
  readonly blob: Blob;
}

/** A volume for the viewer, thinned out if it is large. */
export interface Picture {
  readonly data: VoxelArray;
  readonly shape: Shape3;
  readonly geometry: Geometry;
  /** Range of grey; of no meaning for a label. */
  readonly window: readonly [number, number];
  /** Every how many voxels were kept per axis. */
  readonly stride: number;
  /** Of a label: the value that each number in `data` stands for. */
  readonly values: readonly number[] | null;
}

export interface OpenedCase {
  readonly name: string;
  readonly shape: Shape3;
  readonly spacingMm: Vec3;
  /** Sides of the patient towards which x, y and z run. */
  readonly orientation: string;
  readonly channels: number;
  readonly hasLabel: boolean;
  readonly looksLikeCt: boolean;
  /** Whether what was given as scan has the voxels of a label. */
  readonly scanIsLabel: boolean;
  readonly findings: readonly Finding[];
  /** What the user should know about how the files were read. */
  readonly warnings: readonly string[];
  readonly image: Picture;
  readonly label: Picture | null;
}

/** What was dropped as plans or model, for the form. */
export interface OpenedRecipe {
  readonly generation: "v1" | "v2";
  readonly name: string;
  /** Stages or configurations that can be chosen; the last is the usual one. */
  readonly choices: readonly { readonly value: string; readonly text: string }[];
  /** What the user should know, a sentence each. */
  readonly notes: readonly string[];
  readonly model: OpenedModel | null;
}

export interface OpenedModel {
  readonly channels: readonly string[];
  readonly folds: readonly string[];
  /** Whether the trainer allows mirrored predictions. */
  readonly mirrors: boolean;
  readonly hasPostprocessing: boolean;
}

export interface PredictSettings {
  readonly folds: readonly string[];
  readonly mirroring: boolean;
  readonly postprocess: boolean;
}

export interface ChannelNumbers {
  readonly scheme: string;
  readonly useMask: boolean;
  readonly before: IntensityStatistics;
  readonly after: IntensityStatistics;
}

export interface LabelNumbers {
  readonly value: number;
  /** From dataset.json, where there is one. */
  readonly name: string;
  /** Of the file as it was given. */
  readonly mlBefore: number;
  readonly mlAfter: number;
}

export interface PreparedCase {
  readonly name: string;
  readonly generation: "v1" | "v2";
  readonly box: Box3;
  readonly shapes: { readonly scan: Shape3; readonly cropped: Shape3; readonly prepared: Shape3 };
  readonly spacings: { readonly scan: Vec3; readonly prepared: Vec3 };
  readonly separateAxis: number | null;
  readonly channels: readonly ChannelNumbers[];
  readonly labels: readonly LabelNumbers[];
  readonly notes: readonly string[];
  readonly timings: readonly { readonly step: string; readonly ms: number }[];
  readonly threads: number;
  readonly image: Picture;
  /** From the scan's grey values to those of `image`; null if there is no such line. */
  readonly line: GreyLine | null;
  readonly label: Picture | null;
}

/** A segmentation on the grid of the scan. */
export interface RestoredLabel extends NamedBlob {
  readonly shape: Shape3;
  readonly labels: readonly { readonly value: number; readonly name: string; readonly ml: number }[];
  /** Voxels that differ from the label that was dropped, and how many there are; null without one. */
  readonly difference: { readonly voxels: number; readonly of: number } | null;
  readonly picture: Picture;
  readonly notes: readonly string[];
}

export type Kind = keyof Requests;

export type ToWorker = {
  [K in Kind]: { readonly kind: K; readonly id: number; readonly ask: Requests[K]["ask"] };
}[Kind];

export type FromWorker =
  | { readonly kind: "progress"; readonly step: string; readonly share: number }
  | { readonly kind: "answer"; readonly id: number; readonly value: unknown }
  | { readonly kind: "error"; readonly id: number; readonly plain: PlainError }
  | { readonly kind: "failure"; readonly id: number; readonly text: string };
