import { NnprepError } from "../../core/errors.js";
import { joinPath } from "../../core/paths.js";
import { formatNifti, parseNiftiChannels } from "../../io/nifti.js";
import { FolderStore } from "../../runner/folder-store.js";
import {
  allOrNothing,
  type BuildOptions,
  DATASET_JSON,
  ENDING,
  IMAGES_TEST,
  IMAGES_TRAINING,
  LABELS_TRAINING,
  runJobs,
} from "./raw-folder.js";

/** A file to split, and what the names of its channels begin with; or to copy. */
interface SplitJob {
  readonly id: string;
  readonly from: string;
  readonly to: string;
}

/**
 * Splits a 4-D task of the Medical Segmentation Decathlon into one file per channel, as both generations of
 * nnU-Net do (`split_4d` of 1.7.1, `convert_msd_dataset` of 2.8.1): volumes and labels are those that they write. Hidden
 * files are left out, not deleted from the input.
 *
 * @param convertDocument the dataset.json to write, from that of the Decathlon and its place
 * @throws NnprepError INVALID_DATASET, FILE_NOT_FOUND, CORRUPT_FILE, UNSUPPORTED, CANNOT_WRITE
 */
export async function splitMsd(
  input: string,
  folder: string,
  convertDocument: (content: Uint8Array, file: string) => Promise<Uint8Array>,
  options: BuildOptions = {},
): Promise<void> {
  return allOrNothing(folder, () => splitFiles(input, folder, convertDocument, options));
}

async function splitFiles(
  input: string,
  folder: string,
  convertDocument: (content: Uint8Array, file: string) => Promise<Uint8Array>,
  options: BuildOptions,
): Promise<void> {
  const [source, target] = [new FolderStore(input), new FolderStore(folder)];
  const visible = async (name: string) => (await source.list(name)).filter((file) => !/^[._]/.test(file));
  if (!(await source.exists(DATASET_JSON)) || (await visible(IMAGES_TRAINING)).length === 0) {
    throw new NnprepError(
      "INVALID_DATASET",
      `${input}: a folder of the Medical Segmentation Decathlon with dataset.json, imagesTr and labelsTr is expected`,
      { file: input },
    );
  }
  // What is wrong with it is said before the files are split.
  const document = await convertDocument(await source.read(DATASET_JSON), source.location(DATASET_JSON));
  const jobs: SplitJob[] = [];
  for (const name of [IMAGES_TRAINING, IMAGES_TEST]) {
    for (const file of await visible(name)) {
      if (file.endsWith(ENDING))
        jobs.push({ id: file, from: joinPath(name, file), to: joinPath(name, file.slice(0, -7)) });
    }
  }
  for (const file of await visible(LABELS_TRAINING)) {
    jobs.push({ id: file, from: joinPath(LABELS_TRAINING, file), to: joinPath(LABELS_TRAINING, file) });
  }
  await runJobs("split", jobs, options, ({ from, to }) => splitFile(source, target, from, to));
  await target.write(DATASET_JSON, document);
}

async function splitFile(source: FolderStore, target: FolderStore, from: string, to: string): Promise<void> {
  const bytes = await source.read(from);
  if (to.endsWith(ENDING)) return target.write(to, bytes);
  try {
    const volumes = await parseNiftiChannels(bytes);
    const name = (channel: number) => `${to}_${String(channel).padStart(4, "0")}${ENDING}`;
    if (volumes.length === 1) return await target.write(name(0), bytes);
    for (const [channel, volume] of volumes.entries()) {
      await target.write(name(channel), await formatNifti(volume, { gzip: true }));
    }
  } catch (error) {
    throw error instanceof NnprepError ? error.inFile(source.location(from)) : error;
  }
}
