/*
 * Triangles, points and their shading, into buffers of one picture: depth (f32, larger is nearer, -infinity where
 * nothing is), normal (two i16, of a unit vector that looks at the viewer: x in the lower half) and label (u8).
 * Vertices are (x, y, depth, 1) in pixels, pixel centres at halves; depth in pixels too.
 */
import { OpennessArgument, ShadingArgument, TrianglesArgument } from "../../src/kernels/mesh/raster-arguments";
import { address, integer, real } from "../arguments";

const NORMAL_SCALE: f32 = 32767;

function packNormal(x: f32, y: f32, z: f32): u32 {
  const size = sqrt(x * x + y * y + z * z);
  const scale: f32 = size > 0 ? NORMAL_SCALE / size : 0;
  return (<u32>(<i32>nearest(x * scale)) & 0xffff) | ((<u32>(<i32>nearest(y * scale))) << 16);
}

/** As `packNormal`, four at once. */
function packNormals(x: v128, y: v128, z: v128): v128 {
  const size = f32x4.sqrt(f32x4.add(f32x4.add(f32x4.mul(x, x), f32x4.mul(y, y)), f32x4.mul(z, z)));
  const inverse = f32x4.div(f32x4.splat(NORMAL_SCALE), size);
  const scale = v128.and(inverse, f32x4.gt(size, f32x4.splat(0)));
  const right = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(x, scale)));
  const down = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(y, scale)));
  return v128.or(v128.and(right, i32x4.splat(0xffff)), i32x4.shl(down, 16));
}

/** The mean of a float32 at three addresses by its weights in four pixels. */
function mix(u: v128, v: v128, w: v128, a: usize, b: usize, c: usize): v128 {
  const first = f32x4.add(f32x4.mul(u, v128.load_splat<f32>(a)), f32x4.mul(v, v128.load_splat<f32>(b)));
  return f32x4.add(first, f32x4.mul(w, v128.load_splat<f32>(c)));
}

/**
 * Draws triangles that turn towards the viewer (whose corners run clockwise in a picture with rows from the top), four
 * pixels of a row at a time. `structure` holds the arguments as `TrianglesArgument` names them.
 */
export function drawTriangles(structure: usize): void {
  let triangles = address(structure, TrianglesArgument.triangles);
  const count = integer(structure, TrianglesArgument.count);
  const first: u32 = <u32>integer(structure, TrianglesArgument.first);
  const vertices = address(structure, TrianglesArgument.vertices);
  const normals = address(structure, TrianglesArgument.normals);
  const label = integer(structure, TrianglesArgument.label);
  const width = integer(structure, TrianglesArgument.width);
  const top = integer(structure, TrianglesArgument.top);
  const bottom = integer(structure, TrianglesArgument.bottom);
  const depths = address(structure, TrianglesArgument.depths);
  const directions = address(structure, TrianglesArgument.directions);
  const labels = address(structure, TrianglesArgument.labels);
  const zero = f32x4.splat(0);
  const fourLabels = <u32>label * 0x01010101;
  for (let i = 0; i < count; i++, triangles += 12) {
    const ia = (<usize>(load<u32>(triangles, 0) - first)) << 4;
    const ib = (<usize>(load<u32>(triangles, 4) - first)) << 4;
    const ic = (<usize>(load<u32>(triangles, 8) - first)) << 4;
    const ax = load<f32>(vertices + ia, 0);
    const ay = load<f32>(vertices + ia, 4);
    const bx = load<f32>(vertices + ib, 0);
    const by = load<f32>(vertices + ib, 4);
    const cx = load<f32>(vertices + ic, 0);
    const cy = load<f32>(vertices + ic, 4);
    // Counter-clockwise as seen from outside, which is negative where rows run down.
    const area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
    if (!(area < 0)) continue;
    const left = max(0, <i32>ceil(min(ax, min(bx, cx)) - 0.5));
    const right = min(width - 1, <i32>floor(max(ax, max(bx, cx)) - 0.5));
    const upper = max(top, <i32>ceil(min(ay, min(by, cy)) - 0.5));
    const lower = min(bottom - 1, <i32>floor(max(ay, max(by, cy)) - 0.5));
    if (left > right || upper > lower) continue;
    const inverse = f32x4.splat(1 / area);
    const fromB = f32x4.splat(bx);
    const fromC = f32x4.splat(cx);
    const riseB = f32x4.splat(cy - by);
    const riseC = f32x4.splat(ay - cy);
    for (let y = upper; y <= lower; y++) {
      const py = <f32>y + 0.5;
      const runB = f32x4.splat((cx - bx) * (py - by));
      const runC = f32x4.splat((ax - cx) * (py - cy));
      for (let x = left; x <= right; x += 4) {
        const px = f32x4.add(f32x4.splat(<f32>x), f32x4(0.5, 1.5, 2.5, 3.5));
        const u = f32x4.mul(f32x4.sub(runB, f32x4.mul(riseB, f32x4.sub(px, fromB))), inverse);
        const v = f32x4.mul(f32x4.sub(runC, f32x4.mul(riseC, f32x4.sub(px, fromC))), inverse);
        const w = f32x4.sub(f32x4.sub(f32x4.splat(1), u), v);
        const inside = v128.and(v128.and(f32x4.ge(u, zero), f32x4.ge(v, zero)), f32x4.ge(w, zero));
        if (!v128.any_true(inside)) continue;
        const at = <usize>((y - top) * width + x);
        const place = depths + (at << 2);
        const depth = mix(u, v, w, vertices + ia + 8, vertices + ib + 8, vertices + ic + 8);
        const before = v128.load(place);
        const inRow = i32x4.le_s(i32x4(0, 1, 2, 3), i32x4.splat(right - x));
        const seen = v128.and(v128.and(inside, inRow), f32x4.gt(depth, before));
        if (!v128.any_true(seen)) continue;
        v128.store(place, v128.bitselect(depth, before, seen));
        // The lowest byte of each lane: 255 where the pixel is seen.
        const bytes = i32x4.extract_lane(
          v128.shuffle<i8>(seen, seen, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12),
          0,
        );
        store<u32>(labels + at, (load<u32>(labels + at) & ~bytes) | (fourLabels & bytes));
        const normal = packNormals(
          mix(u, v, w, normals + ia, normals + ib, normals + ic),
          mix(u, v, w, normals + ia + 4, normals + ib + 4, normals + ic + 4),
          mix(u, v, w, normals + ia + 8, normals + ib + 8, normals + ic + 8),
        );
        const direction = directions + (at << 2);
        v128.store(direction, v128.bitselect(normal, v128.load(direction), seen));
      }
    }
  }
}

/** Draws points as small balls of `radius` pixels. */
export function drawPoints(
  vertices: usize,
  count: i32,
  label: i32,
  radius: f32,
  width: i32,
  top: i32,
  bottom: i32,
  depths: usize,
  directions: usize,
  labels: usize,
): void {
  const reach: f32 = 1 / (radius * radius);
  for (let i = 0; i < count; i++, vertices += 16) {
    const cx = load<f32>(vertices, 0);
    const cy = load<f32>(vertices, 4);
    const cz = load<f32>(vertices, 8);
    const left = max(0, <i32>ceil(cx - radius - 0.5));
    const right = min(width - 1, <i32>floor(cx + radius - 0.5));
    const upper = max(top, <i32>ceil(cy - radius - 0.5));
    const lower = min(bottom - 1, <i32>floor(cy + radius - 0.5));
    for (let y = upper; y <= lower; y++) {
      for (let x = left; x <= right; x++) {
        const nx: f32 = <f32>x + 0.5 - cx;
        const ny: f32 = <f32>y + 0.5 - cy;
        const rest: f32 = 1 - (nx * nx + ny * ny) * reach;
        if (rest < 0) continue;
        const nz: f32 = sqrt(rest) * radius;
        const at = <usize>((y - top) * width + x);
        if (!(cz + nz > load<f32>(depths + (at << 2)))) continue;
        store<f32>(depths + (at << 2), cz + nz);
        store<u8>(labels + at, <u8>label);
        store<u32>(directions + (at << 2), packNormal(nx, ny, nz));
      }
    }
  }
}

function normalX(packed: u32): f32 {
  return <f32>(<i32>(packed << 16) >> 16) * (1 / NORMAL_SCALE);
}

function normalY(packed: u32): f32 {
  return <f32>(<i32>packed >> 16) * (1 / NORMAL_SCALE);
}

function normalZ(x: f32, y: f32): f32 {
  const rest: f32 = 1 - x * x - y * y;
  return rest > 0 ? sqrt(rest) : 0;
}

/** How much of the light a neighbour at (dx, dy) that rises by `rise` takes from a pixel with this normal. */
function hiddenBy(nx: f32, ny: f32, nz: f32, dx: f32, dy: f32, inverse: f32, weight: f32, rise: f32): f32 {
  const far = rise * inverse;
  // What stands far in front hides nothing of what lies around this point.
  if (!(far > -4)) return 0;
  const sine: f32 = ((nx * dx + ny * dy + nz * rise) * inverse) / sqrt<f32>(<f32>1 + far * far);
  return sine > 0.06 ? (weight * (sine - <f32>0.06)) / (<f32>1 + <f32>0.35 * far * far) : 0;
}

/** Every second of eight 32-bit values. */
function everySecond(at: usize): v128 {
  return v128.shuffle<i32>(v128.load(at), v128.load(at, 16), 0, 2, 4, 6);
}

/** As `hiddenBy` summed over `count` neighbours, for four pixels that are two apart. */
function hiddenInFour(
  at: usize,
  width: i32,
  y: i32,
  height: i32,
  depths: usize,
  directions: usize,
  entry: usize,
  count: i32,
): v128 {
  const depth = everySecond(depths + (at << 2));
  const packed = everySecond(directions + (at << 2));
  const unit = f32x4.splat(1 / NORMAL_SCALE);
  const nx = f32x4.mul(f32x4.convert_i32x4_s(i32x4.shr_s(i32x4.shl(packed, 16), 16)), unit);
  const ny = f32x4.mul(f32x4.convert_i32x4_s(i32x4.shr_s(packed, 16)), unit);
  const one = f32x4.splat(1);
  const zero = f32x4.splat(0);
  const rest = f32x4.sub(f32x4.sub(one, f32x4.mul(nx, nx)), f32x4.mul(ny, ny));
  const nz = f32x4.sqrt(f32x4.pmax(zero, rest));
  let hidden = zero;
  for (let i = 0; i < count; i++, entry += 16) {
    const dx = load<f32>(entry, 0);
    const dy = load<f32>(entry, 4);
    if (<u32>(y + <i32>dy) >= <u32>height) continue;
    const inverse = f32x4.splat(load<f32>(entry, 8));
    const place = depths + ((at + <usize>(<i32>dy * width + <i32>dx)) << 2);
    const rise = f32x4.sub(everySecond(place), depth);
    const far = f32x4.mul(rise, inverse);
    const across = f32x4.add(f32x4.mul(nx, f32x4.splat(dx)), f32x4.mul(ny, f32x4.splat(dy)));
    const squared = f32x4.mul(far, far);
    const sine = f32x4.div(
      f32x4.mul(f32x4.add(across, f32x4.mul(nz, rise)), inverse),
      f32x4.sqrt(f32x4.add(one, squared)),
    );
    const counts = v128.and(f32x4.gt(far, f32x4.splat(-4)), f32x4.gt(sine, f32x4.splat(0.06)));
    if (!v128.any_true(counts)) continue;
    const share = f32x4.div(
      f32x4.mul(f32x4.splat(load<f32>(entry, 12)), f32x4.sub(sine, f32x4.splat(0.06))),
      f32x4.add(one, f32x4.mul(f32x4.mul(f32x4.splat(0.35), far), far)),
    );
    hidden = f32x4.add(hidden, v128.and(share, counts));
  }
  return hidden;
}

/**
 * How open every pixel of some rows lies, 255 for not hidden at all: its neighbours hide it by how far they rise over its
 * own plane. Four sets of neighbours take turns over blocks of two by two pixels, which are averaged later.
 * `structure` holds the arguments as `OpennessArgument` names them.
 */
export function measureOpenness(structure: usize): void {
  const depths = address(structure, OpennessArgument.depths);
  const directions = address(structure, OpennessArgument.directions);
  const labels = address(structure, OpennessArgument.labels);
  const width = integer(structure, OpennessArgument.width);
  const height = integer(structure, OpennessArgument.height);
  const fromRow = integer(structure, OpennessArgument.fromRow);
  const toRow = integer(structure, OpennessArgument.toRow);
  const neighbours = address(structure, OpennessArgument.neighbours);
  const count = integer(structure, OpennessArgument.count);
  const reach = integer(structure, OpennessArgument.reach);
  const strength: f32 = <f32>real(structure, OpennessArgument.strength);
  const openness = address(structure, OpennessArgument.openness);
  const setBytes = (<usize>count) << 4;
  for (let y = fromRow; y < toRow; y++) {
    const sets = neighbours + <usize>((y & 1) << 1) * setBytes;
    let x = 0;
    while (x < width) {
      const at = <usize>(y * width + x);
      if ((x & 1) === 0 && x >= reach && x + 8 + reach <= width) {
        if (load<u64>(labels + at) !== 0) {
          const even = hiddenInFour(at, width, y, height, depths, directions, sets, count);
          const odd = hiddenInFour(at + 1, width, y, height, depths, directions, sets + setBytes, count);
          storeOpenness(openness + at, even, strength);
          storeOpenness(openness + at + 1, odd, strength);
        }
        x += 8;
        continue;
      }
      x++;
      if (load<u8>(labels + at) === 0) continue;
      const depth = load<f32>(depths + (at << 2));
      const packed = load<u32>(directions + (at << 2));
      const nx = normalX(packed);
      const ny = normalY(packed);
      const nz = normalZ(nx, ny);
      let hidden: f32 = 0;
      let entry = sets + <usize>((x - 1) & 1) * setBytes;
      for (let i = 0; i < count; i++, entry += 16) {
        const dx = load<f32>(entry, 0);
        const dy = load<f32>(entry, 4);
        const sx = x - 1 + <i32>dx;
        const sy = y + <i32>dy;
        if (<u32>sx >= <u32>width || <u32>sy >= <u32>height) continue;
        const rise = load<f32>(depths + ((<usize>(sy * width + sx)) << 2)) - depth;
        hidden += hiddenBy(nx, ny, nz, dx, dy, load<f32>(entry, 8), load<f32>(entry, 12), rise);
      }
      store<u8>(openness + at, <u8>(255 * max<f32>(0.25, 1 - strength * hidden)));
    }
  }
}

/** Openness of four pixels that are two apart. */
function storeOpenness(to: usize, hidden: v128, strength: f32): void {
  const left = f32x4.sub(f32x4.splat(1), f32x4.mul(f32x4.splat(strength), hidden));
  const open = i32x4.trunc_sat_f32x4_s(f32x4.mul(f32x4.splat(255), f32x4.pmax(f32x4.splat(0.25), left)));
  store<u8>(to, i32x4.extract_lane(open, 0), 0);
  store<u8>(to, i32x4.extract_lane(open, 1), 2);
  store<u8>(to, i32x4.extract_lane(open, 2), 4);
  store<u8>(to, i32x4.extract_lane(open, 3), 6);
}

function toByte(value: f32): u32 {
  return <u32>(min<f32>(255, max<f32>(0, value)) + 0.5);
}

/**
 * Colours of the pixels of labels: light from the viewer's upper left, a little from behind the viewer, a highlight.
 * With `opacity` below 1 they are laid over what `pixels` hold, more opaque where the surface turns away, so that
 * something round looks like glass; pixels whose depth is behind `covering` (if not 0) are left out.
 * `structure` holds the arguments as `ShadingArgument` names them.
 */
export function shadePixels(structure: usize): void {
  const depths = address(structure, ShadingArgument.depths);
  const directions = address(structure, ShadingArgument.directions);
  const labels = address(structure, ShadingArgument.labels);
  const openness = address(structure, ShadingArgument.openness);
  const count = integer(structure, ShadingArgument.count);
  const colors = address(structure, ShadingArgument.colors);
  const opacity: f32 = <f32>real(structure, ShadingArgument.opacity);
  const covering = address(structure, ShadingArgument.covering);
  const nearestDepth: f32 = <f32>real(structure, ShadingArgument.nearestDepth);
  const depthScale: f32 = <f32>real(structure, ShadingArgument.depthScale);
  const pixels = address(structure, ShadingArgument.pixels);
  for (let i: usize = 0; i < <usize>count; i++) {
    const label = <usize>load<u8>(labels + i);
    if (label === 0) continue;
    const depth = load<f32>(depths + (i << 2));
    if (covering !== 0 && load<f32>(covering + (i << 2)) > depth) continue;
    const packed = load<u32>(directions + (i << 2));
    const nx = normalX(packed);
    const ny = normalY(packed);
    const nz = normalZ(nx, ny);
    const open: f32 = openness !== 0 ? <f32>load<u8>(openness + i) * (1 / 255) : 1;
    // The key light, a unit vector; rows run down.
    const key = max<f32>(0, nx * -0.424 + ny * -0.53 + nz * 0.735);
    const rim: f32 = <f32>1 - nz;
    let light: f32 = (0.3 + 0.22 * nz) * open + 0.58 * key * (0.35 + 0.65 * open);
    light *= 1 - 0.22 * min<f32>(1, max<f32>(0, (nearestDepth - depth) * depthScale));
    // Half way between key light and viewer.
    const half = max<f32>(0, nx * -0.2276 + ny * -0.2845 + nz * 0.9313);
    let shine = half * half;
    shine *= shine;
    shine *= shine;
    shine *= shine;
    shine *= shine;
    shine *= 34 * open;
    const color = colors + (label << 4);
    let r = load<f32>(color, 0) * light + shine;
    let g = load<f32>(color, 4) * light + shine;
    let b = load<f32>(color, 8) * light + shine;
    const place = pixels + (i << 2);
    if (opacity < 1) {
      const alpha: f32 = opacity + (<f32>0.85 - opacity) * rim * rim;
      const under = load<u32>(place);
      const left: f32 = 1 - alpha;
      r = (load<f32>(color, 0) * (0.45 + 0.55 * light) + shine) * alpha + <f32>(under & 255) * left;
      g = (load<f32>(color, 4) * (0.45 + 0.55 * light) + shine) * alpha + <f32>((under >>> 8) & 255) * left;
      b = (load<f32>(color, 8) * (0.45 + 0.55 * light) + shine) * alpha + <f32>((under >>> 16) & 255) * left;
    }
    store<u32>(place, toByte(r) | (toByte(g) << 8) | (toByte(b) << 16) | 0xff000000);
  }
}

/** Means of two by two pixels; `width` and `height` are those of the result. */
export function halvePixels(pixels: usize, width: i32, height: i32, result: usize): void {
  const stride = (<usize>width) << 3;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = pixels + ((<usize>x) << 3);
      const a = load<u32>(at, 0);
      const b = load<u32>(at, 4);
      const c = load<u32>(at + stride, 0);
      const d = load<u32>(at + stride, 4);
      const even = (a & 0xff00ff) + (b & 0xff00ff) + (c & 0xff00ff) + (d & 0xff00ff) + 0x20002;
      const odd =
        ((a >>> 8) & 0xff00ff) + ((b >>> 8) & 0xff00ff) + ((c >>> 8) & 0xff00ff) + ((d >>> 8) & 0xff00ff) + 0x20002;
      store<u32>(result, ((even >>> 2) & 0xff00ff) | (((odd >>> 2) & 0xff00ff) << 8));
      result += 4;
    }
    pixels += stride << 1;
  }
}
