import type { Command } from "commander";

/** One command: what `nnprep --help` says of it, and where it is. */
export interface CommandEntry {
  readonly name: string;
  readonly description: string;
  /** Loads the command with all that it needs; the others are not loaded. */
  readonly load: () => Promise<Command>;
}

/** All commands, in the order in which help lists them. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "info",
    description: "shape, spacing, direction, voxel type and value range of scans; the series in DICOM folders",
    load: async () => (await import("./info.js")).infoCommand(),
  },
  {
    name: "convert",
    description: "convert a scan or label to NIfTI, MetaImage, NRRD or GIPL, or build a raw dataset or task",
    load: async () => (await import("./convert.js")).convertCommand(),
  },
  {
    name: "to-npz",
    description: "one case as nnU-Net's array and properties: OUT.npz (channels, the label last) and OUT.pkl",
    load: async () => (await import("./to-npz.js")).toNpzCommand(),
  },
  {
    name: "to-nifti",
    description: "a case's .npz and .pkl as NIfTI on the scan: OUT_0000.nii.gz per channel, OUT.nii.gz for the label",
    load: async () => (await import("./to-nifti.js")).toNiftiCommand(),
  },
  {
    name: "verify",
    description:
      "check a raw dataset or task: files, geometry, labels, values; reports everything that is wrong in one pass",
    load: async () => (await import("./verify.js")).verifyCommand(),
  },
  {
    name: "crop",
    description: "crop every training case of a task of nnU-Net v1 to its non-zero part",
    load: async () => (await import("./crop.js")).cropCommand(),
  },
  {
    name: "extract-fingerprint",
    description: "sizes, spacings and intensities of a raw dataset of nnU-Net v2: dataset_fingerprint.json",
    load: async () => (await import("./extract-fingerprint.js")).extractFingerprintCommand(),
  },
  {
    name: "plan",
    description: "plans of a cropped task (-t, with its fingerprint), or of a dataset that has a fingerprint (-d)",
    load: async () => (await import("./plan.js")).planCommand(),
  },
  {
    name: "preprocess",
    description: "resample and normalise a planned task or dataset",
    load: async () => (await import("./preprocess.js")).preprocessCommand(),
  },
  {
    name: "plan-and-preprocess",
    description: "everything from a raw task or dataset to folders that nnU-Net trains from",
    load: async () => (await import("./plan-and-preprocess.js")).planAndPreprocessCommand(),
  },
  {
    name: "status",
    description: "how far a task or dataset is: done, missing and failed cases of each stage, over all parts",
    load: async () => (await import("./status.js")).statusCommand(),
  },
  {
    name: "submit",
    description: "the jobs that prepare a dataset on Slurm, in arrays that wait for each other; printed, or submitted",
    load: async () => (await import("./submit.js")).submitCommand(),
  },
  {
    name: "predict",
    description: "scans in, labels out: a trained nnU-Net (v2 or v1) as an ONNX file (docs/model-folder.md)",
    load: async () => (await import("./predict.js")).predictCommand(),
  },
  {
    name: "export",
    description: "turn probabilities (v1) or logits (v2) in ID.npz with ID.pkl into segmentations on the scans",
    load: async () => (await import("./export.js")).exportCommand(),
  },
  {
    name: "ensemble",
    description: "average the probabilities of several models, case by case",
    load: async () => (await import("./ensemble.js")).ensembleCommand(),
  },
  {
    name: "cascade",
    description: "bring predictions of the low resolution onto the grid of the next stage (ID_segFromPrevStage.npz)",
    load: async () => (await import("./cascade.js")).cascadeCommand(),
  },
  {
    name: "evaluate",
    description: "compare a folder of predictions with a folder of references: Dice and more, summary.json",
    load: async () => (await import("./evaluate.js")).evaluateCommand(),
  },
  {
    name: "determine-postprocessing",
    description: "decide by cross-validation whether to keep only the largest component: postprocessing.json",
    load: async () => (await import("./determine-postprocessing.js")).determinePostprocessingCommand(),
  },
  {
    name: "apply-postprocessing",
    description:
      "keep only the largest components that a postprocessing.json (v1) or .pkl (v2) names, in a folder or one file",
    load: async () => (await import("./apply-postprocessing.js")).applyPostprocessingCommand(),
  },
  {
    name: "find-best",
    description: "choose between models and ensembles of two by cross-validation, and say how to predict with the best",
    load: async () => (await import("./find-best.js")).findBestCommand(),
  },
  {
    name: "view",
    description: "pictures of segmentations: all labels in 3-D beside three slices; surfaces; coordinates of voxels",
    load: async () => (await import("./view.js")).viewCommand(),
  },
  {
    name: "report",
    description:
      "one HTML file about a dataset or task: raw data, check, plan, slices before and after, predictions, surfaces",
    load: async () => (await import("./report.js")).reportCommand(),
  },
];
