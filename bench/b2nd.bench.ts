import { NdArray } from "../src/core/python.js";
import { type Shape3, voxelCount } from "../src/core/volume.js";
import { readB2ndAtOnce } from "../src/io/blosc2/read.js";
import { writeB2ndAtOnce } from "../src/io/blosc2/write.js";
import { resizeCubic } from "../src/kernels/cubic/resize.js";
import { ctScan } from "./data.js";
import { exactAnd, type Row, type Scale, sizeText } from "./row.js";

const PATCH = [128, 128, 128];

/** A CT of 2 x 0.8 x 0.8 mm as nnU-Net stores it at 1 mm: resampled, clipped, normalised. */
function preprocessedCt(scan: Shape3, shape: Shape3): Float32Array {
  const data = resizeCubic(ctScan(scan, 71), scan, shape);
  for (let i = 0; i < data.length; i++) data[i] = (Math.min(Math.max(data[i], -110), 310) - 71.25) / 42.5;
  return data;
}

function writtenFile(data: Float32Array, shape: Shape3): Uint8Array[] {
  return writeB2ndAtOnce(new NdArray(data, [1, ...shape]), { patchSize: PATCH });
}

/** An array that any file of the case fits into. What follows the file's end counts for nothing. */
function padded(pieces: readonly Uint8Array[], byteLength: number): Uint8Array {
  const all = new Uint8Array(byteLength);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

export function b2ndRows(scale: Scale): Row[] {
  const scan = scale.shape([150, 512, 512]);
  const shape = scale.shape([300, 410, 410]);
  const fileBytes = 4 * voxelCount(shape) + 65536;
  const shared = {
    size: `1 x ${sizeText(shape)} float32`,
    parameters: { patchSize: PATCH },
    voxels: voxelCount(shape),
    target: exactAnd(1),
  };
  return [
    {
      ...shared,
      name: "b2nd-write",
      operation: "b2nd-write",
      reference: "blosc2 LZ4HC 5 after nnU-Net's trial of filters, one thread, into memory",
      inputs: { data: { file: "b2nd-ct", shape: [1, ...shape], make: () => preprocessedCt(scan, shape) } },
      prepare: ({ data }) => {
        let pieces: Uint8Array[] = [];
        return {
          run: () => {
            pieces = writtenFile(data as Float32Array, shape);
            return pieces.length;
          },
          outputs: () => ({ file: padded(pieces, fileBytes) }),
        };
      },
    },
    {
      ...shared,
      name: "b2nd-read",
      operation: "b2nd-read",
      reference: "blosc2.open of the same file, [:], one thread",
      inputs: {
        file: {
          file: "b2nd-ct-file",
          shape: [fileBytes],
          make: () => padded(writtenFile(preprocessedCt(scan, shape), shape), fileBytes),
        },
      },
      prepare: ({ file }) => {
        let data = new Float32Array(voxelCount(shape));
        return {
          run: () => {
            data = readB2ndAtOnce(file as Uint8Array, { into: data }).data as Float32Array<ArrayBuffer>;
            return data[data.length >> 1];
          },
          outputs: () => ({ data }),
        };
      },
    },
  ];
}
