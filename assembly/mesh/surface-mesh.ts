/*
 * Marching cubes on a label (Lorensen and Cline 1987) with the ambiguous faces always decided for the background, so
 * that two cubes agree on the face between them and the surface is closed: every edge belongs to two triangles.
 *
 * The label comes as two planes of one byte per voxel (1 inside, 0 outside), with a border of zeros all around; `pitch`
 * bytes lie between rows. A vertex stands half way between a voxel inside and one outside, as (x, y, z, 1) in float32;
 * `x0` and `y0` are the coordinates of the first voxel within the border.
 */
import { CrossArgument, PlaneArgument } from "../../src/kernels/mesh/surface-arguments";
import { address, integer, real } from "../arguments";

const FLOATS: usize = 16;

/** One slice of bytes as a plane: 1 where it holds `label`. */
export function markPlane(
  bytes: usize,
  rows: i32,
  stride: i32,
  length: i32,
  label: i32,
  plane: usize,
  pitch: i32,
): void {
  const wanted = i8x16.splat(<i8>label);
  const one = i8x16.splat(1);
  for (let row = 0; row < rows; row++) {
    const from = bytes + <usize>row * <usize>stride;
    const to = plane + <usize>(row + 1) * <usize>pitch + 1;
    let x: usize = 0;
    for (; x + 16 <= <usize>length; x += 16) {
      v128.store(to + x, v128.and(i8x16.eq(v128.load(from + x), wanted), one));
    }
    for (; x < <usize>length; x++) store<u8>(to + x, load<u8>(from + x) === <u8>label ? 1 : 0);
  }
}

function addVertex(vertices: usize, count: u32, x: f32, y: f32, z: f32): void {
  const at = vertices + <usize>count * FLOATS;
  store<f32>(at, x, 0);
  store<f32>(at, y, 4);
  store<f32>(at, z, 8);
  store<f32>(at, 1, 12);
}

/**
 * Vertices between neighbours within some rows of one plane. Returns how many there are. `structure` holds the arguments
 * as `PlaneArgument` names them.
 */
export function planeVertices(structure: usize): u32 {
  const plane = address(structure, PlaneArgument.plane);
  const fromRow = integer(structure, PlaneArgument.fromRow);
  const toRow = integer(structure, PlaneArgument.toRow);
  const rows = integer(structure, PlaneArgument.rows);
  const pitch = integer(structure, PlaneArgument.pitch);
  const x0 = integer(structure, PlaneArgument.x0);
  const y0 = integer(structure, PlaneArgument.y0);
  const z: f32 = <f32>real(structure, PlaneArgument.z);
  const firstId: u32 = <u32>integer(structure, PlaneArgument.firstId);
  const xs = address(structure, PlaneArgument.xs);
  const ys = address(structure, PlaneArgument.ys);
  const vertices = address(structure, PlaneArgument.vertices);
  let count: u32 = 0;
  for (let row = fromRow; row < toRow; row++) {
    const start = <usize>row * <usize>pitch;
    const below: usize = row + 1 < rows ? <usize>pitch : 0;
    for (let x = 0; x < pitch; x += 16) {
      const at = plane + start + <usize>x;
      const v = v128.load(at);
      // Vectors may run into the next row or the slack, but bits there are masked away.
      const inRow = pitch - x >= 16 ? 0xffff : (1 << (pitch - x)) - 1;
      const acrossMask = pitch - 1 - x >= 16 ? 0xffff : (1 << max(pitch - 1 - x, 0)) - 1;
      const across = i8x16.bitmask(i8x16.ne(v, v128.load(at + 1))) & acrossMask;
      const down = i8x16.bitmask(i8x16.ne(v, v128.load(at + below))) & inRow;
      let any = across | down;
      while (any !== 0) {
        const k = ctz(any);
        any &= any - 1;
        const place = (start + <usize>(x + k)) << 2;
        if ((across >>> k) & 1) {
          store<u32>(xs + place, firstId + count);
          addVertex(vertices, count++, <f32>(x0 + x + k) - 0.5, <f32>(y0 + row - 1), z);
        }
        if ((down >>> k) & 1) {
          store<u32>(ys + place, firstId + count);
          addVertex(vertices, count++, <f32>(x0 + x + k - 1), <f32>(y0 + row) - 0.5, z);
        }
      }
    }
  }
  return count;
}

/** Vertices between two planes, as `planeVertices`; arguments as `CrossArgument` names them. */
export function crossVertices(structure: usize): u32 {
  const lower = address(structure, CrossArgument.lower);
  const upper = address(structure, CrossArgument.upper);
  const fromRow = integer(structure, CrossArgument.fromRow);
  const toRow = integer(structure, CrossArgument.toRow);
  const pitch = integer(structure, CrossArgument.pitch);
  const x0 = integer(structure, CrossArgument.x0);
  const y0 = integer(structure, CrossArgument.y0);
  const z: f32 = <f32>real(structure, CrossArgument.z);
  const firstId: u32 = <u32>integer(structure, CrossArgument.firstId);
  const zs = address(structure, CrossArgument.zs);
  const vertices = address(structure, CrossArgument.vertices);
  let count: u32 = 0;
  for (let row = fromRow; row < toRow; row++) {
    const start = <usize>row * <usize>pitch;
    for (let x = 0; x < pitch; x += 16) {
      const inRow = pitch - x >= 16 ? 0xffff : (1 << (pitch - x)) - 1;
      const at = start + <usize>x;
      let any = i8x16.bitmask(i8x16.ne(v128.load(lower + at), v128.load(upper + at))) & inRow;
      while (any !== 0) {
        const k = ctz(any);
        any &= any - 1;
        store<u32>(zs + ((at + <usize>k) << 2), firstId + count);
        addVertex(vertices, count++, <f32>(x0 + x + k - 1), <f32>(y0 + row - 1), z);
      }
    }
  }
  return count;
}

/**
 * Triangles of the cubes between two planes and between rows `fromRow` to `toRow` and the ones after. `ids` holds the
 * five tables of vertex numbers one after the other, `area` entries each: along x and y in the lower plane, along z,
 * along x and y in the upper plane. `cubes` has 32 bytes for each of the 256 cubes: how many triangles, then three
 * edges per triangle. `offsets` says for each of the 12 edges how many entries its number lies from the cube's own
 * place in `ids`. Returns the number of triangles, three u32 each.
 */
export function cubeTriangles(
  lower: usize,
  upper: usize,
  fromRow: i32,
  toRow: i32,
  pitch: i32,
  ids: usize,
  cubes: usize,
  offsets: usize,
  triangles: usize,
): u32 {
  const start = triangles;
  const next = <usize>pitch;
  for (let row = fromRow; row < toRow; row++) {
    for (let x = 0; x < pitch - 1; x += 16) {
      const at = <usize>row * next + <usize>x;
      const p = lower + at;
      const q = upper + at;
      const c0 = v128.load(p);
      const c1 = v128.load(p + 1);
      const c2 = v128.load(p + next);
      const c3 = v128.load(p + next + 1);
      const c4 = v128.load(q);
      const c5 = v128.load(q + 1);
      const c6 = v128.load(q + next);
      const c7 = v128.load(q + next + 1);
      const low = v128.or(v128.or(c0, i8x16.shl(c1, 1)), v128.or(i8x16.shl(c2, 2), i8x16.shl(c3, 3)));
      const high = v128.or(v128.or(c4, i8x16.shl(c5, 1)), v128.or(i8x16.shl(c6, 2), i8x16.shl(c7, 3)));
      const codes = v128.or(low, i8x16.shl(high, 4));
      const inRow = pitch - 1 - x >= 16 ? 0xffff : (1 << (pitch - 1 - x)) - 1;
      const mixed = v128.and(i8x16.ne(codes, i8x16.splat(0)), i8x16.ne(codes, i8x16.splat(-1)));
      let any = i8x16.bitmask(mixed) & inRow;
      while (any !== 0) {
        const k = <usize>ctz(any);
        any &= any - 1;
        const code =
          <usize>load<u8>(p + k) |
          ((<usize>load<u8>(p + k + 1)) << 1) |
          ((<usize>load<u8>(p + k + next)) << 2) |
          ((<usize>load<u8>(p + k + next + 1)) << 3) |
          ((<usize>load<u8>(q + k)) << 4) |
          ((<usize>load<u8>(q + k + 1)) << 5) |
          ((<usize>load<u8>(q + k + next)) << 6) |
          ((<usize>load<u8>(q + k + next + 1)) << 7);
        let entry = cubes + code * 32;
        const count = <usize>load<u8>(entry) * 3;
        const place = ids + ((at + k) << 2);
        for (let i: usize = 0; i < count; i++) {
          const edge = <usize>load<u8>(++entry);
          const offset = <usize>load<u32>(offsets + (edge << 2));
          store<u32>(triangles, load<u32>(place + (offset << 2)));
          triangles += 4;
        }
      }
    }
  }
  return <u32>((triangles - start) / 12);
}
