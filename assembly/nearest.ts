/*
 * Nearest-neighbour resampling of some rows. Rows that repeat are copied; within a row elements are chosen by a table of
 * indices (i32), bytes also 16 at a time where their sources lie within 16 bytes.
 */
import { NearestArgument } from "../src/kernels/nearest-arguments";
import { address, integer } from "./arguments";

/** Bytes of a block of 16 output bytes: the first source (i32, -1 when they lie farther apart), and at 16 the lanes. */
const BLOCK: usize = 32;

function gather8(input: usize, indices: usize, blocks: usize, count: i32, output: usize): void {
  for (let i = 0; i < count; i += 16) {
    const first = load<i32>(blocks);
    if (first >= 0) {
      v128.store(output + <usize>i, i8x16.swizzle(v128.load(input + <usize>first), v128.load(blocks, 16)));
    } else {
      const end = min(i + 16, count);
      for (let j = i; j < end; j++) {
        store<u8>(output + <usize>j, load<u8>(input + <usize>load<i32>(indices + ((<usize>j) << 2))));
      }
    }
    blocks += BLOCK;
  }
}

function gather16(input: usize, indices: usize, count: i32, output: usize): void {
  for (let i = 0; i < count; i++) {
    const index = <usize>load<i32>(indices + ((<usize>i) << 2));
    store<u16>(output + ((<usize>i) << 1), load<u16>(input + (index << 1)));
  }
}

function gather32(input: usize, indices: usize, count: i32, output: usize): void {
  for (let i = 0; i < count; i++) {
    const index = <usize>load<i32>(indices + ((<usize>i) << 2));
    store<u32>(output + ((<usize>i) << 2), load<u32>(input + (index << 2)));
  }
}

/** Makes some rows of the output. `structure` holds the arguments as `NearestArgument` names them. */
export function nearestRows(structure: usize): void {
  const input = address(structure, NearestArgument.input);
  const firstRow = integer(structure, NearestArgument.firstRow);
  const length = integer(structure, NearestArgument.length);
  const rowOf = address(structure, NearestArgument.rowOf);
  const from = integer(structure, NearestArgument.from);
  const to = integer(structure, NearestArgument.to);
  const indices = address(structure, NearestArgument.indices);
  const blocks = address(structure, NearestArgument.blocks);
  const count = integer(structure, NearestArgument.count);
  const shift = integer(structure, NearestArgument.shift);
  let output = address(structure, NearestArgument.output);
  const rowBytes = (<usize>count) << shift;
  let previous = -1;
  for (let row = from; row < to; row++) {
    const source = load<i32>(rowOf + ((<usize>row) << 2));
    if (source === previous) {
      memory.copy(output, output - rowBytes, rowBytes);
    } else {
      const start = input + ((<usize>((source - firstRow) * length)) << shift);
      if (shift === 0) gather8(start, indices, blocks, count, output);
      else if (shift === 1) gather16(start, indices, count, output);
      else gather32(start, indices, count, output);
    }
    previous = source;
    output += rowBytes;
  }
}
