import { NnprepError } from "../../../core/errors.js";
import type { ReadScanOptions } from "../../../io/formats.js";
import { defineJob } from "../../../runner/jobs.js";
import { type CaseJob, runCases } from "../../../runner/run.js";
import type { Store } from "../../../runner/store.js";
import { loadScan } from "../../scan-files.js";
import type { Verification } from "../../verify/findings.js";
import { type CaseFile, type CaseVerification, verifyCase } from "../../verify/verify-case.js";
import type { StageOptions, Task, TaskStores } from "./task.js";
import { type VerifyCaseJob, verifyFiles } from "./verify.js";

export interface VerifyOptions extends StageOptions {
  /** What is accepted of the files. */
  readonly scan?: ReadScanOptions | undefined;
}

interface VerifyJob {
  readonly job: VerifyCaseJob;
  readonly scan: ReadScanOptions | undefined;
}

/** The job of a worker: reads the files of one case and checks them. */
async function verifyOneCase({ raw }: TaskStores, { job, scan }: VerifyJob): Promise<CaseVerification> {
  const images: CaseFile[] = [];
  for (const path of job.images) images.push(await tryRead(raw, path, scan));
  const label = job.label === null ? null : await tryRead(raw, job.label, scan);
  return verifyCase(images, label, job.expectedLabels, job.channels);
}

export const verifyJob = defineJob("v1/verify", verifyOneCase);

async function tryRead(store: Store, file: string, scan: ReadScanOptions | undefined): Promise<CaseFile> {
  try {
    return { file, ...(await loadScan(store, file, scan)) };
  } catch (error) {
    if (error instanceof NnprepError) return { file, error };
    throw error;
  }
}

/**
 * The integrity check of a raw task (`verify_dataset_integrity` of nnU-Net 1.7.1), all findings of one pass: missing,
 * stray and unreadable files, geometry, NaN, labels. What is found is returned, not thrown.
 *
 * @throws NnprepError ABORTED
 */
export async function verifyDataset({ stores, executor }: Task, options: VerifyOptions = {}): Promise<Verification> {
  const { scan } = options;
  return verifyFiles(
    stores.raw,
    async (cases) => {
      const jobs = cases.map((job): CaseJob<VerifyJob> => ({ identifier: job.identifier, argument: { job, scan } }));
      const outcomes = await runCases(executor, verifyJob, "verify", jobs, options);
      return outcomes.map((outcome) => (outcome.ok ? outcome.value : outcome.error));
    },
    options.part,
  );
}
