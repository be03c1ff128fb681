import { FolderStore } from "nnprep/dataset";
import { formatNifti } from "nnprep/io";
import { formatDatasetJson } from "nnprep/v1";
import { makeCase } from "./prepare.mjs";

/** `node task.mjs FOLDER`: writes a raw task of two equal cases into FOLDER. */
const store = new FolderStore(process.argv[2]);
const { image, label } = makeCase();
const training = [];
for (const identifier of ["a", "b"]) {
  await store.write(`imagesTr/${identifier}_0000.nii.gz`, await formatNifti(image, { gzip: true }));
  await store.write(`labelsTr/${identifier}.nii.gz`, await formatNifti(label, { gzip: true }));
  training.push({ image: `./imagesTr/${identifier}.nii.gz`, label: `./labelsTr/${identifier}.nii.gz` });
}
const names = { modality: new Map([[0, "MR"]]), labels: new Map(["background", "rim", "core"].entries()) };
const dataset = formatDatasetJson({ name: "Packed", ...names, training, test: [] });
await store.write("dataset.json", new TextEncoder().encode(dataset));
