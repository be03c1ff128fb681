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
  "Half of the time is writing four bytes of label a voxel: copying mask and labels once takes 60 % of the whole time, " +
  "so that a plain copy would reach 16x (6 neighbours) only. The rest: making runs of the rows twice 20 %, uniting 6 to " +
  "9 %, painting 8 %. Tried: labels painted in tiles of 64 KiB (kept), slices without runs filled with 0 (kept).";

const BLOBS =
  "Uniting the runs of neighbouring rows 33 % (which run ends first is a coin toss, so the loop has no branch for it), " +
  "writing labels 22 %, making runs twice 15 %, painting 13 %.";

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
