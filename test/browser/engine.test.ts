import { expect, test } from "vitest";
import { resizeCubic, resizeCubicSlices } from "../../dist/public/steps.js";
// The built package, as pages get it: its worker's script stands beside its modules.
import { createEngine, init, NnprepError, type Shape3 } from "../../dist/web.js";
import { countDifferences } from "../golden.js";

const shape: Shape3 = [37, 41, 45];
const newShape: Shape3 = [30, 53, 61];
const data = Float32Array.from({ length: 37 * 41 * 45 }, (_, i) => ((i * 7919) % 4001) - 2000);

await init();

test("an engine shares memory where the page may", async () => {
  const engine = await createEngine({ threads: 2 });
  // A page that is not isolated has no shared memory.
  expect(engine.sharing).toBe(globalThis.crossOriginIsolated ? "shared" : "transfer");
  await engine.close();
});

test.each([{}, { sharing: "transfer" as const }])(
  "two Web Workers give the bits of the page's own thread %o",
  async (options) => {
    const engine = await createEngine({ threads: 2, ...options });
    const other = data.map((x) => -x);
    const [first, second, slices] = await Promise.all([
      engine.resizeCubic(data, shape, newShape),
      engine.resizeCubic(other, shape, newShape),
      engine.resizeCubicSlices(data, shape, [53, 61]),
    ]);
    await engine.close();
    expect(data.length).toBe(37 * 41 * 45);
    expect(countDifferences(first, resizeCubic(data, shape, newShape))).toBe(0);
    expect(countDifferences(second, resizeCubic(other, shape, newShape))).toBe(0);
    expect(countDifferences(slices, resizeCubicSlices(data, shape, [53, 61]))).toBe(0);
  },
);

test("a worker's script that is not there is told", async () => {
  const engine = await createEngine({ threads: 2, workerUrl: new URL("/no-such-worker.js", location.href).href });
  const error = (await engine.resizeCubic(data, shape, newShape).catch((e: unknown) => e)) as NnprepError;
  await engine.close();
  expect(error).toBeInstanceOf(NnprepError);
  expect(error.code).toBe("WORKER_DIED");
  expect(error.message).toContain("workerUrl");
});
