/** Measures rows: ours and the reference's by turns, each in a process of its own, on the same files. */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { LineProcess } from "./line-process.js";
import { program } from "./places.js";
import { BASELINE, ONE_THREAD, type Reference } from "./reference.js";
import type { Row, Scale } from "./row.js";

export interface Measurement {
  readonly row: Row;
  /** Seconds of each call, all turns together. */
  readonly samples: readonly number[];
  readonly coldSeconds: number;
  readonly peakBytes: number;
  readonly copySeconds: number;
  readonly copyBytes: number;
  readonly inputBytes: number;
  readonly reference: ReferenceMeasurement | null;
}

export interface ReferenceMeasurement {
  readonly samples: readonly number[];
  readonly peakBytes: number;
  readonly differing: number;
  readonly total: number;
  readonly error: number;
}

const TURNS = 5;
/** The reference gets fewer turns where one call takes this many seconds or more. */
const SLOW = { seconds: 8, turns: 3 };
/** From here on its first call counts too, and there is only one more; from `single` on none. */
const VERY_SLOW = { seconds: 20, turns: 1, single: 40 };

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

interface Timed {
  readonly seconds: number;
  readonly peakBytes: number;
}

function startOurs(row: Row, scale: Scale): LineProcess {
  return new LineProcess(
    row.name,
    process.execPath,
    [program("measure"), row.name, ...(scale.quick ? ["--quick"] : [])],
    {
      ...process.env,
    },
  );
}

/** The files of the row's arrays; those that are missing are made first, in a process that ends afterwards. */
async function provideInputs(row: Row, scale: Scale, folder: string): Promise<Record<string, string>> {
  const paths = Object.fromEntries(
    Object.entries(row.inputs).map(([name, input]) => [name, join(folder, `${input.file}.npy`)]),
  );
  const missing = Object.fromEntries(Object.entries(paths).filter(([, path]) => !existsSync(path)));
  if (Object.keys(missing).length > 0) {
    const maker = startOurs(row, scale);
    await maker.ask("generate", { paths: missing });
    await maker.finish();
  }
  return paths;
}

/** Rows that share files, reference operation and parameters are measured against the same calls of the reference. */
export function groupRows(rows: readonly Row[]): Row[][] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const files = Object.values(row.inputs).map(({ file }) => file);
    const key = JSON.stringify([row.operation, files, row.parameters]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}

interface Side {
  readonly row: Row;
  readonly process: LineProcess;
  readonly cold: Timed;
  readonly samples: number[];
}

async function startSide(row: Row, scale: Scale, inputs: Record<string, string>): Promise<Side> {
  const process = startOurs(row, scale);
  await process.ask("prepare", { inputs });
  const cold = await process.ask<Timed>("cold");
  return { row, process, cold, samples: [] };
}

/** The reference's side of one group, or null without one. */
class ReferenceSide {
  readonly samples: number[] = [];
  #peakBytes = 0;
  #turns = TURNS;

  private constructor(readonly process: LineProcess) {}

  static async start(reference: Reference, row: Row, inputs: Record<string, string>): Promise<ReferenceSide | null> {
    const { operation, parameters, needs } = row;
    if ("missing" in reference || (needs !== undefined && !(needs in reference.versions))) return null;
    const side = new ReferenceSide(new LineProcess(operation, reference.python, [BASELINE, "serve"], ONE_THREAD));
    await side.process.ask("prepare", { operation, parameters, inputs });
    const cold = await side.process.ask<Timed>("cold");
    side.#peakBytes = cold.peakBytes;
    if (cold.seconds >= VERY_SLOW.seconds) {
      side.samples.push(cold.seconds);
      side.#turns = cold.seconds >= VERY_SLOW.single ? 0 : VERY_SLOW.turns;
    } else if (cold.seconds >= SLOW.seconds) side.#turns = SLOW.turns;
    return side;
  }

  async turn(number: number, seconds: number): Promise<void> {
    if (number >= this.#turns) return;
    const { samples } = await this.process.ask<{ samples: number[] }>("turn", { seconds });
    this.samples.push(...samples);
  }

  async compare(outputs: Record<string, string>): Promise<ReferenceMeasurement> {
    const found = await this.process.ask<{ differing: number; total: number; error: number }>("compare", { outputs });
    return { ...found, samples: this.samples, peakBytes: this.#peakBytes };
  }
}

async function conclude(side: Side, reference: ReferenceSide | null, folder: string): Promise<Measurement> {
  const { outputs } = await side.process.ask<{ outputs: Record<string, string> }>("write", { folder });
  const compared = reference === null ? null : await reference.compare(outputs);
  for (const path of Object.values(outputs)) rmSync(path);
  const copy = await side.process.ask<{ samples: number[]; bytes: number; inputBytes: number }>("copy", {
    seconds: 0.2,
  });
  await side.process.finish();
  return {
    row: side.row,
    samples: side.samples,
    coldSeconds: side.cold.seconds,
    peakBytes: side.cold.peakBytes,
    copySeconds: median(copy.samples),
    copyBytes: copy.bytes,
    inputBytes: copy.inputBytes,
    reference: compared,
  };
}

/** Measures rows of one group. */
export async function measureGroup(
  rows: readonly Row[],
  scale: Scale,
  folder: string,
  reference: Reference,
): Promise<Measurement[]> {
  const inputs = await provideInputs(rows[0], scale, folder);
  const sides: Side[] = [];
  for (const row of rows) sides.push(await startSide(row, scale, inputs));
  const other = await ReferenceSide.start(reference, rows[0], inputs);
  const seconds = scale.quick ? 0.02 : 0.25;
  for (let turn = 0; turn < TURNS; turn++) {
    for (const { process, samples } of sides) {
      // The first turn warms up until the engine has compiled everything; the others find their data again.
      const reply = await process.ask<{ samples: number[] }>("turn", { seconds, warmups: turn === 0 ? 3 : 1 });
      samples.push(...reply.samples);
    }
    await other?.turn(turn, seconds);
  }
  const results: Measurement[] = [];
  for (const side of sides) results.push(await conclude(side, other, folder));
  await other?.process.finish();
  return results;
}
