/**
 * One operation in one process, told what to do by one JSON command a line; `report` is at the other end.
 * `node measure.js ROW [--quick]`
 */
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Bench } from "tinybench";
import { init } from "../src/runtime/instantiate.js";
import { readArray, writeArray } from "./npy-file.js";
import { FULL, type Prepared, QUICK, type Row } from "./row.js";
import { allRows } from "./rows.js";

/** Bytes that are copied to find out what copying costs. */
const MOST_COPIED = 256 * 2 ** 20;

interface Command {
  readonly command: "prepare" | "cold" | "turn" | "copy" | "write";
  readonly inputs: Readonly<Record<string, string>>;
  readonly seconds: number;
  readonly warmups: number;
  readonly folder: string;
}

/** Every number that a call returned ends here, so that no call can be left out. */
let sink = 0;

async function sample(
  name: string,
  seconds: number,
  warmups: number,
  run: () => number | Promise<number>,
): Promise<number[]> {
  const bench = new Bench({
    time: seconds * 1000,
    iterations: 1,
    warmup: warmups > 0,
    warmupIterations: warmups,
    warmupTime: 0,
    retainSamples: true,
    throws: true,
  });
  bench.add(name, async () => {
    sink += await run();
  });
  await bench.run();
  const { result } = bench.tasks[0];
  const samples = "latency" in result ? (result.latency.samples ?? []) : [];
  if (samples.length === 0) throw new Error(`${name}: no samples`);
  return samples.map((milliseconds) => milliseconds / 1000);
}

class Session {
  readonly #row: Row;
  #prepared: Prepared | null = null;
  #inputBytes = 0;

  constructor(row: Row) {
    this.#row = row;
  }

  async answer(command: Command): Promise<object> {
    if (command.command === "prepare") return this.#prepare(command);
    if (this.#prepared === null) throw new Error("not prepared");
    const prepared = this.#prepared;
    if (command.command === "cold") {
      const start = performance.now();
      sink += await prepared.run();
      const seconds = (performance.now() - start) / 1000;
      return { seconds, peakBytes: process.resourceUsage().maxRSS * 1024 };
    }
    if (command.command === "turn") {
      return { samples: await sample(this.#row.name, command.seconds, command.warmups, () => prepared.run()), sink };
    }
    if (command.command === "copy") return this.#copy(prepared, command.seconds);
    const outputs: Record<string, string> = {};
    for (const [name, array] of Object.entries(prepared.outputs())) {
      outputs[name] = join(command.folder, `output-${this.#row.name}-${name}.npy`);
      writeArray(outputs[name], array, [array.length]);
    }
    return { outputs };
  }

  async #prepare({ inputs }: Command): Promise<object> {
    const arrays = Object.fromEntries(Object.entries(inputs).map(([name, path]) => [name, readArray(path)]));
    this.#inputBytes = Object.values(arrays).reduce((sum, array) => sum + array.byteLength, 0);
    await init();
    this.#prepared = this.#row.prepare(arrays);
    return {};
  }

  /** What copying input plus output costs when both sides of the copy have been touched before. */
  async #copy(prepared: Prepared, seconds: number): Promise<object> {
    const outputBytes = Object.values(prepared.outputs()).reduce((sum, array) => sum + array.byteLength, 0);
    const bytes = this.#inputBytes + outputBytes;
    const source = new Uint8Array(Math.min(bytes, MOST_COPIED)).fill(1);
    const target = new Uint8Array(source.length).fill(2);
    const samples = await sample("copy", seconds, 1, () => {
      target.set(source);
      return target[target.length >> 1];
    });
    return { samples: samples.map((s) => (s * bytes) / source.length), bytes, inputBytes: this.#inputBytes };
  }
}

/** Makes the arrays that are not there yet. */
async function generate(row: Row, paths: Readonly<Record<string, string>>): Promise<void> {
  await init();
  for (const [name, path] of Object.entries(paths)) {
    const input = row.inputs[name];
    writeArray(path, input.make(), input.shape);
  }
}

const [rowName, ...flags] = process.argv.slice(2);
const row = allRows(flags.includes("--quick") ? QUICK : FULL).find(({ name }) => name === rowName);
if (row === undefined) throw new Error(`no row is called ${rowName}`);
const session = new Session(row);
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line) as
    | Command
    | { command: "finish" }
    | { command: "generate"; paths: Record<string, string> };
  if (command.command === "finish") break;
  let reply: object = {};
  try {
    if (command.command === "generate") await generate(row, command.paths);
    else reply = await session.answer(command);
  } catch (error) {
    reply = { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
process.stderr.write(sink === 0.1 ? "sink\n" : "");
