import { NnprepError } from "../core/errors.js";
import type { Geometry, Shape3 } from "../core/volume.js";
import { gunzipPrefix, isGzip } from "./gzip.js";
import { geometryOfNifti, type Sheared } from "./nifti-affine.js";
import { corrupt, NIFTI_HEADER_LENGTH, type NiftiFields, parseNiftiFields } from "./nifti-fields.js";
import type { VoxelDtype } from "./voxel-bytes.js";

/** What is known of a NIfTI file without its voxels. */
export interface NiftiHeader {
  readonly version: 1 | 2;
  readonly littleEndian: boolean;
  readonly singleFile: boolean;
  readonly shape: Shape3;
  /** Type of the voxels in the file. */
  readonly dtype: VoxelDtype;
  /** value = stored * slope + inter; slope 1 and inter 0 when the file says nothing of use. */
  readonly slope: number;
  readonly inter: number;
  readonly geometry: Geometry;
  /** Where the voxels begin in their file, and how many bytes they take. */
  readonly voxelOffset: number;
  readonly voxelByteLength: number;
}

const DTYPES: Readonly<Record<number, readonly [VoxelDtype, number]>> = {
  2: ["uint8", 1],
  4: ["int16", 2],
  8: ["int32", 4],
  16: ["float32", 4],
  64: ["float64", 8],
  256: ["int8", 1],
  512: ["uint16", 2],
  768: ["uint32", 4],
  1024: ["int64", 8],
  1280: ["uint64", 8],
};

const REFUSED_DTYPES: Readonly<Record<number, string>> = {
  0: "unknown",
  1: "1-bit binary",
  32: "complex64",
  128: "RGB colour",
  1536: "float128",
  1792: "complex128",
  2048: "complex256",
  2304: "RGBA colour",
};

/** Voxels per axis, slowest first. A plane is a volume of depth 1; further axes may be there with length 1. */
function shapeOf({ dim }: NiftiFields): Shape3 {
  const axes = dim[0];
  const list = `dim = [${dim.join(", ")}]`;
  if (!(axes >= 1 && axes <= 7)) {
    throw corrupt(`NIfTI header has ${axes} axes (${list}); 2 or 3 are expected`, { found: [...dim] });
  }
  if (axes < 2) {
    throw new NnprepError("UNSUPPORTED", `one-dimensional NIfTI file (${list}); a volume is expected`, {
      found: [...dim],
      dimensions: axes,
    });
  }
  for (let axis = 1; axis <= Math.min(axes, 3); axis++) {
    if (!(dim[axis] >= 1)) {
      throw corrupt(`NIfTI header has ${dim[axis]} voxels along axis ${axis} (${list}); at least 1 is expected`, {
        found: [...dim],
      });
    }
  }
  if (dim.slice(4, axes + 1).some((n) => n > 1)) {
    throw new NnprepError(
      "UNSUPPORTED",
      `NIfTI file of shape (${dim.slice(1, axes + 1).join(", ")}) has more than three axes; write each 3-D volume (channel, time point) to a file of its own`,
      { found: [...dim], dimensions: axes },
    );
  }
  return [axes >= 3 ? dim[3] : 1, dim[2], dim[1]];
}

function dtypeOf(datatype: number): readonly [VoxelDtype, number] {
  const dtype = DTYPES[datatype];
  if (dtype === undefined) {
    throw new NnprepError(
      "UNSUPPORTED",
      `NIfTI voxels of type ${REFUSED_DTYPES[datatype] ?? "unknown"} (datatype ${datatype}); integers and floats of up to 64 bits can be read`,
      { found: datatype },
    );
  }
  return dtype;
}

/** ITK's reading of scl_slope and scl_inter (5.4): what is not finite counts as 0, and a slope of 0 as 1. */
function scalingOf({ sclSlope, sclInter }: NiftiFields): { slope: number; inter: number } {
  const slope = Number.isFinite(sclSlope) && Math.abs(sclSlope) >= Number.EPSILON ? sclSlope : 1;
  const inter = Number.isFinite(sclInter) ? sclInter : 0;
  const isIdentity = Math.abs(slope - 1) <= Number.EPSILON && Math.abs(inter) <= Number.EPSILON;
  return isIdentity ? { slope: 1, inter: 0 } : { slope, inter };
}

function voxelOffsetOf({ version, singleFile, voxOffset }: NiftiFields): number {
  const offset = Math.trunc(voxOffset);
  const least = singleFile ? (version === 1 ? 352 : 544) : 0;
  if (!(offset >= least && offset <= Number.MAX_SAFE_INTEGER)) {
    throw corrupt(`NIfTI header puts the voxels at byte ${voxOffset}; ${least} or more is expected`, {
      found: voxOffset,
      expected: `at least ${least}`,
    });
  }
  return offset;
}

/** Checks the fields and gives them their meaning. Throws CORRUPT_FILE or UNSUPPORTED. */
export function interpretNiftiFields(fields: NiftiFields, sheared: Sheared = "refuse"): NiftiHeader {
  const shape = shapeOf(fields);
  const [dtype, itemSize] = dtypeOf(fields.datatype);
  const voxelByteLength = shape[0] * shape[1] * shape[2] * itemSize;
  if (voxelByteLength > Number.MAX_SAFE_INTEGER) {
    throw corrupt(`NIfTI header promises ${shape[2]} x ${shape[1]} x ${shape[0]} voxels, more than any file holds`, {
      found: shape,
    });
  }
  return {
    version: fields.version,
    littleEndian: fields.littleEndian,
    singleFile: fields.singleFile,
    shape,
    dtype,
    ...scalingOf(fields),
    geometry: geometryOfNifti(fields, sheared),
    voxelOffset: voxelOffsetOf(fields),
    voxelByteLength,
  };
}

/**
 * Shape, voxel type and geometry of a NIfTI file, without its voxels. The first `NIFTI_HEADER_LENGTH` bytes are
 * enough, of a gzipped file the first 64 kB. Throws CORRUPT_FILE or UNSUPPORTED.
 */
export function readNiftiHeader(bytes: Uint8Array): NiftiHeader {
  return interpretNiftiFields(parseNiftiFields(isGzip(bytes) ? gunzipPrefix(bytes, NIFTI_HEADER_LENGTH) : bytes));
}
