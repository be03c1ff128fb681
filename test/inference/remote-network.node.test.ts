import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { predictRemotely, remoteNetwork } from "../../examples/remote-network.js";
import { IDENTITY_GEOMETRY } from "../../src/core/volume.js";
import { parseNifti } from "../../src/io/nifti.js";
import { formatNifti } from "../../src/io/nifti-writer.js";
import { complete, dataset, plans, text } from "./example-model.js";

let server: Server;
let url: string;
let root: string;
const asked: string[] = [];

/** Logits 0.5, x and 2 x - 1, so that 0, 1 and 2 are their own labels; fold 9 is not there. */
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "nnprep-remote-"));
  server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      asked.push(`${request.url} ${request.headers["x-shape"]}`);
      if (request.url === "/folds/9") {
        response.writeHead(404).end("no such fold");
        return;
      }
      const values = new Float32Array(Uint8Array.from(Buffer.concat(parts)).buffer);
      const heads = [() => 0.5, (x: number) => x, (x: number) => 2 * x - 1];
      response.end(Buffer.from(Float32Array.from(heads.flatMap((head) => Array.from(values, head))).buffer));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  rmSync(root, { recursive: true, force: true });
});

test("a server's network predicts, one for each fold", async () => {
  const fullres = {
    ...plans.configurations["3d_fullres"],
    normalization_schemes: ["NoNormalization"],
    use_mask_for_norm: [false],
  };
  const files = {
    ...complete(),
    "m/plans.json": text({ ...plans, configurations: { "3d_fullres": fullres } }),
    "m/dataset.json": text({ ...dataset, channel_names: { "0": "T1" } }),
  };
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), bytes);
  }
  const data = Int16Array.from({ length: 5 * 7 * 9 }, (_, i) => i % 3);
  const geometry = { ...IDENTITY_GEOMETRY, spacingMm: [2, 1, 1] as const };
  const scan = await formatNifti({ data, shape: [5, 7, 9], geometry }, { gzip: false });
  writeFileSync(join(root, "scan.nii"), scan);
  await predictRemotely(join(root, "m"), join(root, "scan.nii"), join(root, "label.nii.gz"), url);
  expect([...(await parseNifti(readFileSync(join(root, "label.nii.gz")))).data]).toEqual([...data]);
  // The first column is empty and cut off: 2 x 2 x 1 windows, mirrored along two axes.
  expect(asked.filter((call) => call === "/folds/0 1,4,6,8")).toHaveLength(16);
  expect(asked.filter((call) => call === "/folds/1 1,4,6,8")).toHaveLength(16);
});

test("what the server says is told", async () => {
  const run = remoteNetwork(url, 9).run({ data: new Float32Array(1), shape: [1, 1, 1, 1] });
  await expect(run).rejects.toThrow(/answers 404: no such fold/);
});
