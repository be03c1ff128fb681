#!/usr/bin/env bash
# Prepares dataset $1 of nnU-Net v2 in $2 parts on Slurm: bash prepare.sh 1 7
# Every task needs nnUNet_raw and nnUNet_preprocessed in a folder that all nodes share.
set -euo pipefail
dataset=$1
parts=$2
log=${LOGS:-$PWD/logs}
mkdir -p "$log"
# A stage starts when all tasks of the one before have succeeded, and is taken back when one has failed.
array=(--parsable --kill-on-invalid-dep=yes --array="0-$((parts - 1))" --cpus-per-task=4 --mem="${MEMORY:-16G}" --output="$log/%x-%A-%a.txt")
single=(--parsable --kill-on-invalid-dep=yes --cpus-per-task=4 --mem="${MEMORY:-16G}" --output="$log/%x-%j.txt")
part="--num-parts $parts --workers 4 --no-progress"

read=$(sbatch --job-name=fingerprint "${array[@]}" --wrap "nnprep extract-fingerprint -d $dataset $part")
plan=$(sbatch --job-name=plan "${single[@]}" --dependency="afterok:$read" \
  --wrap "nnprep extract-fingerprint -d $dataset --no-progress && nnprep plan -d $dataset --no-progress")
prepare=$(sbatch --job-name=preprocess "${array[@]}" --dependency="afterok:$plan" --wrap "nnprep preprocess -d $dataset $part")
echo "fingerprint $read, plan $plan, preprocess $prepare; logs in $log"
echo "A task that failed, say 3 of preprocess, again: sbatch --array=3 --wrap \"nnprep preprocess -d $dataset $part\""
