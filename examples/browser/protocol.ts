import type { Box3, PlainError, Shape3, Vec3 } from "nnprep";
import type { Finding } from "nnprep/dataset";
import type { IntensityStatistics, NormalizationScheme } from "nnprep/v1";

/** What the page and its worker say to each other: plain values, so that they survive the way. */

export interface CaseFiles {
  /** One file, one per channel (ID_0000, ID_0001 ...), or the slices of one series. */
  readonly scans: readonly File[];
  readonly label: File | null;
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
  | { readonly from: "plans"; readonly stage: number };

export interface CtNumbers {
  readonly mean: number;
  readonly sd: number;
  readonly percentile_00_5: number;
  readonly percentile_99_5: number;
}

export type Output = "arrays" | "properties" | "image" | "label";

export interface Requests {
  open: { ask: CaseFiles; answer: OpenedCase };
  plans: { ask: File; answer: OpenedPlans };
  prepare: { ask: Settings; answer: PreparedCase };
  output: { ask: Output; answer: NamedBlob };
  /** A label or probabilities on the prepared grid, or null for the label of this case. */
  restore: { ask: File | null; answer: RestoredLabel };
}

export interface NamedBlob {
  readonly name: string;
  readonly blob: Blob;
}

/** A volume for the viewer: NIfTI bytes, thinned out if it is large, and the range of grey. */
export interface Picture {
  readonly bytes: ArrayBuffer;
  readonly window: readonly [number, number];
  /** Every how many voxels were kept per axis. */
  readonly stride: number;
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
  readonly findings: readonly Finding[];
  /** What the user should know about how the files were read. */
  readonly warnings: readonly string[];
  readonly image: Picture;
  readonly label: Picture | null;
}

export interface OpenedPlans {
  readonly name: string;
  readonly stages: readonly { readonly spacingMm: Vec3; readonly planar: boolean }[];
  readonly schemes: readonly NormalizationScheme[];
}

export interface ChannelNumbers {
  readonly scheme: NormalizationScheme;
  readonly useMask: boolean;
  readonly before: IntensityStatistics;
  readonly after: IntensityStatistics;
}

export interface LabelNumbers {
  readonly value: number;
  readonly mlBefore: number;
  readonly mlAfter: number;
}

export interface PreparedCase {
  readonly name: string;
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
  readonly label: Picture | null;
}

export interface RestoredLabel extends NamedBlob {
  readonly shape: Shape3;
  readonly labels: readonly { readonly value: number; readonly ml: number }[];
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
