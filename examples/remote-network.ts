/**
 * A network of your own instead of ONNX Runtime: here one that asks a server for each patch. A patch goes out as float32
 * bytes, C order, with its shape in a header; logits come back the same way. Whatever answers so will do: PyTorch with a
 * GPU behind a few lines of Python, Triton, another program.
 *
 * node remote-network.js MODEL_FOLDER SCAN LABEL URL
 */
import { writeFile } from "node:fs/promises";
import { loadModel, predict, readScanPath, scanFilesInFolder, writeVolume } from "nnprep";
import type { Network } from "nnprep/inference";

/** @param fold which network the server should run, for models of several folds */
export function remoteNetwork(url: string, fold: number, signal?: AbortSignal): Network {
  return {
    async run({ data, shape }) {
      // A copy: `data` is written over when the next window is cut.
      const response = await fetch(`${url}/folds/${fold}`, {
        method: "POST",
        headers: { "content-type": "application/octet-stream", "x-shape": shape.join(",") },
        body: data.slice(),
        signal: signal ?? null,
      });
      if (!response.ok) throw new Error(`${url} answers ${response.status}: ${await response.text()}`);
      return new Float32Array(await response.arrayBuffer());
    },
  };
}

/** Labels of a scan by a network elsewhere; scan, plans and labels stay here. */
export async function predictRemotely(folder: string, scan: string, label: string, url: string): Promise<void> {
  let fold = 0;
  // The folder has an (empty) model.onnx in each fold, which says how many networks there are.
  const openNetwork = async () => remoteNetwork(url, fold++);
  const model = await loadModel(await scanFilesInFolder(folder), folder, { openNetwork });
  const { volume } = await readScanPath(scan);
  const { segmentation, warnings } = await predict(model, [volume]);
  for (const warning of warnings) console.warn(warning);
  await writeFile(label, await writeVolume(label, segmentation));
}

const [folder, scan, label, url] = process.argv.slice(2);
if (folder !== undefined && scan !== undefined && label !== undefined && url !== undefined) {
  await predictRemotely(folder, scan, label, url);
}
