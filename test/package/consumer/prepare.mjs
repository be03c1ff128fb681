import { init } from "nnprep";
import { formatNifti, formatPickle, readVolume } from "nnprep/io";
import { cropCase, preprocessCase, propertiesToPython } from "nnprep/v1";

/** A scan of 18 x 40 x 36 voxels with an empty border, and its label, from whole-number arithmetic only. */
export function makeCase() {
  const shape = [18, 40, 36];
  const geometry = { spacingMm: [4, 0.9, 1.1], originMm: [-10, 5, 2.5], direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] };
  const image = new Int16Array(18 * 40 * 36);
  const label = new Int16Array(image.length);
  let state = 1;
  for (let i = 0; i < image.length; i++) {
    const [z, y, x] = [Math.floor(i / 1440), Math.floor(i / 36) % 40, i % 36];
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const distance = 4 * (z - 9) ** 2 + (y - 20) ** 2 + (x - 17) ** 2;
    if (distance < 260) image[i] = 100 + (state >>> 24) + (distance < 90 ? 200 : 0);
    if (distance < 90) label[i] = distance < 30 ? 2 : 1;
  }
  return { image: { data: image, shape, geometry }, label: { data: label, shape, geometry } };
}

/** Writes, reads, crops and preprocesses one case through the public API; the SHA-256 in hex of all that comes out. */
export async function prepare(options) {
  await init(options);
  const made = makeCase();
  const image = await readVolume("case_0000.nii.gz", await formatNifti(made.image, { gzip: true }));
  const label = await readVolume("case.nii.gz", await formatNifti(made.label, { gzip: true }));
  const cropped = cropCase({ images: [image], label });
  const { arrays, properties } = await preprocessCase(cropped.arrays, cropped.properties, {
    targetSpacingMm: [3.1, 1, 1],
    transposeForward: [0, 1, 2],
    normalizationSchemes: ["nonCT"],
    useMaskForNorm: [true],
    intensityProperties: null,
    classes: [1, 2],
    planar: false,
  });
  const parts = [...arrays.channels, arrays.label, formatPickle(propertiesToPython(properties))];
  const digest = await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
