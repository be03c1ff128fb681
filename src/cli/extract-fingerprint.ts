import { Command } from "commander";
import {
  cleanOption,
  extractorOption,
  type FingerprintValues,
  verboseOption,
  verifyOption,
} from "./dataset-options.js";
import { addPlaceOptions, type PlaceOptions, runForGeneration } from "./generations.js";
import { addPartOptions, type PartOptions } from "./parts-option.js";
import { addDatasetScanOptions, type DatasetScanOptions, datasetReadOptions } from "./scan-options.js";
import { UsageError } from "./usage-error.js";

interface ExtractOptions extends PlaceOptions, PartOptions, FingerprintValues, DatasetScanOptions {
  readonly verifyDatasetIntegrity: boolean;
}

export function extractFingerprintCommand(): Command {
  const command = new Command("extract-fingerprint").addHelpText(
    "after",
    "\nExamples:\n  $ nnprep extract-fingerprint -d 1 --verify_dataset_integrity -np 4" +
      "\n  $ nnprep extract-fingerprint -d 1 --num-parts 7 --part-id 3   (0 to 6, then once without parts)",
  );
  return addPartOptions(addDatasetScanOptions(addPlaceOptions(command)))
    .addOption(extractorOption())
    .addOption(verifyOption())
    .addOption(cleanOption())
    .addOption(verboseOption())
    .action((options: ExtractOptions, own: Command) =>
      runForGeneration(own, options, {
        tasks: () => {
          throw new UsageError('a task of nnU-Net v1 gets its fingerprint with its plans: use "nnprep plan -t"');
        },
        datasets: async (run) => {
          const { runDatasets } = await import("./dataset-command.js");
          const { verifyDatasetIntegrity, clean } = options;
          const stages = {
            reading: datasetReadOptions(options),
            ...(verifyDatasetIntegrity ? { verify: true as const } : {}),
            fingerprint: { clean },
          };
          return runDatasets(run, options, stages, { preprocessed: true });
        },
      }),
    );
}
