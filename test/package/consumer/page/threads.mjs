import { createEngine } from "nnprep";
import { resizeCubic } from "nnprep/steps";

/** How two Web Workers share a volume, and whether they give the bits of the page's own thread. */
export async function compareThreads() {
  const shape = [20, 24, 28];
  const newShape = [25, 30, 40];
  const data = Float32Array.from({ length: 20 * 24 * 28 }, (_, i) => ((i * 7919) % 4001) - 2000);
  const engine = await createEngine({ threads: 2 });
  const found = await engine.resizeCubic(data, shape, newShape);
  await engine.close();
  const expected = resizeCubic(data, shape, newShape);
  const equal = found.length === expected.length && found.every((value, i) => Object.is(value, expected[i]));
  return `${engine.threads} threads, ${engine.sharing}: ${equal ? "equal" : "different"}`;
}
