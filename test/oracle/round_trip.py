"""Labels of real scans to the network's grid and back.

    python test/oracle/round_trip.py prepare SCANS FOLDER    writes FOLDER/scans and FOLDER/round-trips.json
    python test/oracle/round_trip.py compare FOLDER          prints a table; exit code 1 if something differs

Between the two, round-trip.mjs writes FOLDER/probabilities, and `nnprep export` makes FOLDER/exported of them and, with
--nnunet-target-axis, FOLDER/exported-as-reference. Compared with nnU-Net 1.7.1's own cropping, resampling and export:
the crop box, the label on the network's grid, every byte of the NIfTI file's header, every voxel. nnU-Net compares the
transposed target spacing with untransposed axes: `quirk` counts the voxels in which FOLDER/exported-as-reference differs
from what it makes of the properties as they are, `voxels` those in which FOLDER/exported differs from what it makes of
them once the target spacing has the file's axes. Dice is that of the exported segmentation with the scan's label, mean
over labels. Where nothing is resampled it has to be 1 for all that lies in the crop box; nnU-Net loses what lies outside.
"""
import argparse
import contextlib
import gzip
import io
import json
import os
import pathlib
import pickle
import sys

import numpy as np
import SimpleITK as sitk

IDENTITY = [0, 1, 2]
CT, MR, BRAIN, LUNG, SPINE = (
    "ct01_ts_body_3mm", "mr01_stroke_multichannel", "mr04_brain1_nrrd", "ct05_elastix_lung", "mr12_sct_t2_PSR"
)
IMAGES = {
    CT: ["image.nii.gz"],
    MR: ["image_0000.nii.gz", "image_0001.nii.gz", "image_0002.nii.gz"],
    BRAIN: ["image.nrrd"],
    LUNG: ["image.mha"],
    SPINE: ["image.nii.gz"],
}
LABELS = {BRAIN: "seg.nrrd", LUNG: "seg.mha"}
# Target spacing in the file's axes, slowest first, in mm (None: the scan's own), and transpose_forward.
TRIPS = [
    (CT, None, IDENTITY), (CT, [2.5, 2.4, 2.4], IDENTITY), (CT, [3.0, 2.0, 2.0], [1, 0, 2]),
    (MR, None, IDENTITY), (MR, [1.2, 0.8, 0.8], [2, 0, 1]),
    (BRAIN, None, IDENTITY), (BRAIN, [6.5, 0.6, 0.6], IDENTITY), (BRAIN, [5.0, 1.0, 1.0], IDENTITY),
    (LUNG, None, [2, 0, 1]), (LUNG, [2.0, 1.1, 1.1], IDENTITY), (LUNG, [4.0, 1.3, 1.3], [1, 0, 2]),
    (SPINE, None, IDENTITY), (SPINE, [0.8, 0.8, 4.0], [2, 0, 1]),
]


def prepare(scans, folder):
    (folder / "scans").mkdir(parents=True, exist_ok=True)
    classes = {}
    for scan, names in IMAGES.items():
        images = [sitk.ReadImage(str(scans / scan / name)) for name in names]
        values = sitk.GetArrayFromImage(sitk.ReadImage(str(scans / scan / LABELS.get(scan, "seg.nii.gz"))))
        # Numbered 0, 1, 2 ... as nnU-Net wants them.
        found, numbers = np.unique(values, return_inverse=True)
        label = sitk.GetImageFromArray(numbers.reshape(values.shape).astype(np.uint8))
        for c, image in enumerate(images + [label]):
            # Files of one scan may differ in the last digits of their header.
            image.CopyInformation(images[0])
            name = f"{scan}.nii.gz" if image is label else f"{scan}_{c:04d}.nii.gz"
            sitk.WriteImage(image, str(folder / "scans" / name))
        classes[scan] = len(found)
    trips = [
        {"identifier": f"{scan}_{i}", "scan": scan, "channels": len(IMAGES[scan]), "classes": classes[scan],
         "target": target, "axes": axes}
        for i, (scan, target, axes) in enumerate(TRIPS)
    ]
    (folder / "round-trips.json").write_text(json.dumps(trips, indent=1))


def dice(a, b, labels):
    values = [2 * np.sum((a == l) & (b == l)) / (np.sum(a == l) + np.sum(b == l)) for l in labels]
    return float(np.mean(values)), float(np.min(values))


def network_label(trip, seg, props):
    from nnunet.preprocessing.preprocessing import resample_patient

    axes = trip["axes"]
    spacing = np.array(props["original_spacing"])[axes]
    target = spacing if trip["target"] is None else np.array(trip["target"])[axes]
    turned = seg.transpose([0, *(i + 1 for i in axes)])
    _, label = resample_patient(None, turned, spacing, target, 3, 1, force_separate_z=None)
    return np.maximum(label[0], 0).transpose([axes.index(i) for i in range(3)])


def compare_trip(trip, folder):
    from nnunet.inference.segmentation_export import save_segmentation_nifti_from_softmax
    from nnunet.preprocessing.cropping import ImageCropper

    name, scan = trip["identifier"], trip["scan"]
    scans = folder / "scans"
    images = [str(scans / f"{scan}_{c:04d}.nii.gz") for c in range(trip["channels"])]
    with contextlib.redirect_stdout(io.StringIO()):
        _, seg, props = ImageCropper.crop_from_list_of_files(images, str(scans / f"{scan}.nii.gz"))
        expected = network_label(trip, seg, props)
    softmax = np.load(folder / "probabilities" / f"{name}.npz")["softmax"]
    ours = pickle.loads((folder / "probabilities" / f"{name}.pkl").read_bytes())
    (folder / "reference").mkdir(exist_ok=True)

    def export(properties, kind):
        path = folder / "reference" / f"{name}.nii.gz"
        with contextlib.redirect_stdout(io.StringIO()):
            save_segmentation_nifti_from_softmax(softmax, str(path), properties, verbose=False)
        a, b = (gzip.decompress(p.read_bytes()) for p in (path, folder / kind / f"{name}.nii.gz"))
        header = sum(x != y for x, y in zip(a[:352], b[:352])) + abs(len(a) - len(b))
        return header, *(np.frombuffer(x[352:], np.uint8) for x in (a, b))

    target = np.array(ours["spacing_after_resampling"])[[trip["axes"].index(i) for i in range(3)]]
    header, expected_labels, exported = export({**ours, "spacing_after_resampling": target}, "exported")
    quirk = export(ours, "exported-as-reference") if trip["axes"] != IDENTITY else (header, expected_labels, exported)
    label = sitk.GetArrayFromImage(sitk.ReadImage(str(scans / f"{scan}.nii.gz")))
    exported = exported.reshape(label.shape)
    inside = np.zeros(label.shape, bool)
    inside[tuple(slice(*bounds) for bounds in props["crop_bbox"])] = True
    labels = [int(l) for l in np.unique(label) if l > 0]
    mean, worst = dice(exported, label, labels)
    row = {
        "box": [list(map(int, b)) for b in props["crop_bbox"]] == [list(map(int, b)) for b in ours["crop_bbox"]],
        "network": int(np.sum(softmax.argmax(0) != expected)) if softmax.shape[1:] == expected.shape else -1,
        "header": header + quirk[0],
        "voxels": int(np.sum(expected_labels != exported.ravel())),
        "quirk": int(np.sum(quirk[1] != quirk[2])),
        "labels": len(labels),
        "mean": mean,
        "worst": worst,
        "outside": int(np.sum((label > 0) & ~inside)),
        "lost": int(np.sum((exported != label) & inside)),
    }
    row["ok"] = row["box"] and row["network"] == row["header"] == row["voxels"] == row["quirk"] == 0
    if trip["target"] is None:
        row["ok"] = row["ok"] and row["lost"] == 0 and (worst == 1 or row["outside"] > 0)
    return row


def compare(folder):
    os.environ.update(nnUNet_raw_data_base="/none", nnUNet_preprocessed="/none", RESULTS_FOLDER="/none")
    with contextlib.redirect_stdout(io.StringIO()):
        import nnunet.inference.segmentation_export  # noqa: F401 it greets on import
    print(f"{'scan':26}{'spacing':18}{'axes':10}{'labels':>7}{'differ: box':>12}{'network':>8}{'header':>7}{'voxels':>7}{'quirk':>7}"
          f"{'mean Dice':>11}{'lowest':>9}{'outside box':>12}")
    bad = 0
    for trip in json.loads((folder / "round-trips.json").read_text()):
        r = compare_trip(trip, folder)
        bad += not r["ok"]
        spacing = "own" if trip["target"] is None else " ".join(map(str, trip["target"]))
        print(f"{trip['scan']:26}{spacing:18}{' '.join(map(str, trip['axes'])):10}{r['labels']:>7}"
              f"{'no' if r['box'] else 'YES':>12}{r['network']:>8}{r['header']:>7}{r['voxels']:>7}{r['quirk']:>7}{r['mean']:>11.5f}"
              f"{r['worst']:>9.5f}{r['outside']:>12}{'' if r['ok'] else '  DIFFERS'}", flush=True)
    print(f"{len(TRIPS)} round trips, {bad} differ")
    return 1 if bad else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    p = commands.add_parser("prepare")
    p.add_argument("scans", type=pathlib.Path)
    p.add_argument("folder", type=pathlib.Path)
    p = commands.add_parser("compare")
    p.add_argument("folder", type=pathlib.Path)
    args = parser.parse_args()
    return prepare(args.scans, args.folder) if args.command == "prepare" else compare(args.folder)


if __name__ == "__main__":
    sys.exit(main())
