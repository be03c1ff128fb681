"""Processor seconds that nnU-Net 2.8.1 takes for one case with one thread: predict_reference.py MODEL_FOLDER IMAGES..."""
import os
import sys
import tempfile
import time

import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

torch.set_num_threads(1)
predictor = nnUNetPredictor(device=torch.device("cpu"), allow_tqdm=False)
predictor.initialize_from_trained_model_folder(sys.argv[1], (0,), "checkpoint_final.pth")
seconds = []
for _ in range(2):
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        predictor.predict_from_files_sequential([sys.argv[2:]], [os.path.join(folder, "label")], overwrite=True)
        seconds.append(time.process_time() - start)
print(seconds[-1])
