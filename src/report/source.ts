import type { Vec3, Volume } from "../core/volume.js";
import type { Verification } from "../recipes/verify/findings.js";
import type { Store } from "../runner/store.js";
import type { ReportGrid, ReportPlan } from "../view/report.js";
import type { Histogram } from "../view/report-plots.js";
import type { ScanWindow } from "../view/scan-window.js";

/** Files of one training case; paths inside the raw dataset's folder. */
export interface CasePaths {
  readonly identifier: string;
  /** In channel order. */
  readonly images: readonly string[];
  readonly label: string;
}

/** A prepared case to be shown beside its scan. */
export interface PreparedCase {
  /** First channel, on its place in the patient. */
  readonly image: Volume;
  /** Without the -1 of what lies outside. */
  readonly label: Volume;
  /** Spacing that the case was taken to, in the file's axes, slowest first. */
  readonly spacingMm: Vec3;
}

/** What the plans say that a report shows. */
export interface PlanFacts {
  readonly explained: readonly ReportPlan[];
  /** Spacing of the finest configuration, in the file's axes, slowest first; null where plans give none for 3-D. */
  readonly targetMm: Vec3 | null;
}

/** One dataset as a report sees it, whichever generation of nnU-Net it is of. Everything but the names is asked for when it is shown. */
export interface ReportSource {
  /** `Task001_X: name`, `Dataset001_X` ... */
  readonly title: string;
  /** Root of the dataset's own folder of raw files. */
  readonly raw: Store;
  /** Root of its folder of preprocessed files. */
  readonly preprocessed: Store;
  readonly channels: readonly string[];
  /** Names of the labels above 0, by their number. */
  readonly labels: ReadonlyMap<number, string>;
  readonly trainingCases: readonly CasePaths[];
  readonly testCaseCount: number;
  /** The integrity check. */
  readonly verify: () => Promise<Verification>;
  /** null when nothing is planned; what is wrong with plans that are there goes to `notes`. */
  readonly plan: (notes: string[]) => Promise<PlanFacts | null>;
  /** Sizes and spacings of all cases where an earlier step found them; null when there are none. */
  readonly grids: () => Promise<readonly ReportGrid[] | null>;
  /** Values of a channel that its normalisation works with, to be marked in the histogram. */
  readonly intensityMarks: (channel: number) => Promise<Histogram["marks"]>;
  /** The case as the finest configuration has it; null when it is not there. */
  readonly prepared: (identifier: string) => Promise<PreparedCase | null>;
  /** The files of that case, in `preprocessed`; none when it is not there. */
  readonly preparedFiles: (identifier: string) => Promise<readonly string[]>;
  /** Whether there are prepared cases at all. */
  readonly isPrepared: () => Promise<boolean>;
  /** What the window of a scan is after normalisation; null where every case has its own normalisation. */
  readonly normalizedWindow: (window: ScanWindow) => Promise<ScanWindow | null>;
  /** The command line that does a step. */
  readonly commandOf: (step: "verify" | "plan-and-preprocess" | "preprocess" | "report") => string;
}
