/**
 * Where the time goes in rows that have missed their target on some machine, and what was tried; RESULTS.md shows the
 * note of a row that misses it. Shares are of the profile on an Intel Xeon (Cascade Lake, 2.5 GHz, 2 cores, 1 MiB of
 * second-level cache a core) with Node 20.
 */
const CUBIC_EXACT =
  "Last pass with the test for rounding ties 21 %, voxels in doubt 22 % (44 of 20 million, each needs about 186,000 " +
  "samples around it in the reference's order; reading them waits for memory), copies between the passes and to the " +
  "output 24 %, recursion 11 %, rows and columns 14 %. Tried: tiles of 0.5 to 4 MiB (no change), samples fetched row " +
  "by row with `set` or plane by plane (no change), eight lanes at once in the reference's recursion (kept), columns " +
  "filtered in place (kept), the doubt test before the clip (kept).";

const COMPONENTS =
  "Copying the labels out takes 40 % of the time and cannot be avoided: filling 52 million labels with one number takes " +
  "0.5 ns a voxel, copying them in from the cache 0.63, copying the mask 0.13, of 1.3 to 1.5 in all. The rest: uniting " +
  "15 % (26 neighbours), painting 7 %, runs of the rows 9 %. Tried: labels painted in tiles of 16 to 128 KiB (no clear " +
  "change), slices without runs filled with 0 (kept), words of the mask kept in the window (kept) or outside it (its " +
  "first touch costs 0.1 ns a voxel), bytes filled with 0 instead of labels (slower).";

const BLOBS =
  "Writing labels takes a quarter of the time; uniting rows was a third as two lists of runs and is faster by words of " +
  "64 voxels, where every set bit is one pair of runs that touch (kept).";

const STREAM =
  "One copy into the window and one out of it are the time: the row is about as fast as copying input and output once, " +
  "and depends on the memory of the machine.";

export const NOTES: Readonly<Record<string, string>> = {
  "cubic-exact-up": CUBIC_EXACT,
  "cubic-exact-up-stripped":
    "Exact zeros around the head: in the spline's far tails most voxels are in doubt until the levels of all source " +
    "voxels are known, and their last passes run twice.",
  "cubic-exact-down": CUBIC_EXACT,
  "cubic-fast-up":
    "The error is that of float32 recursions along three axes, 3.6e-7 of the range at most in noise; float64 in one of " +
    "them would cost a third of the speed.",
  "separate-z-same":
    "40x would be 4.6 ns per voxel, for 1.6 source voxels each through two float64 recursions. Rows 22 %, recursion " +
    "17 %, last pass 15 %, bounds of the rounding errors 20 %, copies 12 %. Tried: bounds in WebAssembly without " +
    "branches (56 -> 16 ns with the tables kept from slice to slice and columns filtered in place).",
  "separate-z-change": "As `separate-z-same`; repeated slices are copies.",
  "components-6-body": COMPONENTS,
  "components-26-body": COMPONENTS,
  "components-6-blobs": BLOBS,
  "components-26-blobs": BLOBS,
  "mean-std": `${STREAM} Every value is read twice, as the deviations need the mean first.`,
  "mean-std-float64": STREAM,
  "clip-zscore": STREAM,
  percentiles: STREAM,
  "nearest-uint8": STREAM,
  "nearest-float32": STREAM,
};
