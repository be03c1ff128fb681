import type { NamedJob } from "../../../runner/jobs.js";
import { cascadeJob } from "./cascade.js";
import { cropJob } from "./crop.js";
import { ensembleJob } from "./ensemble.js";
import { evaluateJob } from "./evaluate.js";
import { exportJob } from "./export.js";
import { collectJob } from "./fingerprint.js";
import { applyJob, scoreJob } from "./postprocess.js";
import { preprocessJob } from "./preprocess.js";
import { verifyJob } from "./verify-task.js";

/** Every job of this generation, for worker processes, which know a job by its name only. */
export const jobs: readonly NamedJob[] = [
  verifyJob,
  cropJob,
  collectJob,
  preprocessJob,
  exportJob,
  ensembleJob,
  cascadeJob,
  evaluateJob,
  scoreJob,
  applyJob,
];
