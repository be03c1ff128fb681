import { expect, test } from "vitest";
import { readDicomSeries } from "../../src/io/dicom.js";
import { scanFileFromBlob } from "../../src/io/scan-file.js";
import { formatSlice, type Syntax, seriesSlices } from "../generated/dicom-files.js";

// The test server rewrites dynamic imports for pages, which breaks them in workers: the worker's script goes around it.
const [workerScript] = Object.values(
  import.meta.glob<string>("../../node_modules/itk-wasm/dist/pipeline/web-workers/bundles/*pipeline.min.worker.js", {
    query: "?raw",
    import: "default",
    eager: true,
  }),
);

/** As this page serves the optional package. */
const decoder = {
  pipelinesBaseUrl: new URL("/node_modules/@itk-wasm/dicom/dist/pipelines", location.href).href,
  pipelineWorkerUrl: URL.createObjectURL(new Blob([workerScript ?? ""], { type: "text/javascript" })),
};

/** A folder that somebody chose: File objects in no order. */
const folder = (syntax: Syntax) =>
  seriesSlices(5, { syntax, rows: 9, columns: 17 })
    .map((slice, i) => scanFileFromBlob(new File([formatSlice(slice)], `IM${(i * 3) % 5}`)))
    .reverse();

test("JPEG lossless from File objects, with the decoder's files served by the page", async () => {
  const requests: string[] = [];
  const observer = new PerformanceObserver((list) => requests.push(...list.getEntries().map(({ name }) => name)));
  observer.observe({ type: "resource" });
  const { volume } = await readDicomSeries(folder("jpegLossless"), { decoder });
  expect(volume).toEqual((await readDicomSeries(folder("explicit"))).volume);
  observer.disconnect();
  expect(requests.filter((url) => !url.startsWith(location.origin) && !url.startsWith("blob:"))).toEqual([]);
}, 60_000);

test("RLE needs no decoder; JPEG says what the page has to serve", async () => {
  const { volume } = await readDicomSeries(folder("rle"));
  expect(volume).toEqual((await readDicomSeries(folder("explicit"))).volume);
  await expect(readDicomSeries(folder("jpegLossless"))).rejects.toThrow(/decoder\.pipelinesBaseUrl/);
});
