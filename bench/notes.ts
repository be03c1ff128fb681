/**
 * Where the time goes in rows that have missed their target on some machine, and what was tried; RESULTS.md shows the
 * note of a row that misses it. Shares are of the profile on an Intel Xeon (Cascade Lake, 2.5 GHz, 2 cores, 1 MiB of
 * second-level cache a core) with Node 20.
 */
const CUBIC_EXACT =
  "Of the row that enlarges: copies between the passes and to the output 25 % (131 MB of float64 go out to memory and come " +
  "back), last pass with the test for rounding ties 21 %, recursion 14 %, voxels in doubt 13 % (13 of 20 million, each needs " +
  "about 180,000 samples around it in the reference's order; reading them waits for memory), rows 10 %, columns 7 %. Tried: " +
  "doubts judged by the voxels under their own taps first and then by the sum of their terms (both kept, 115 -> 32 -> 13), a " +
  "smaller window first (no change), samples fetched row by row with `set`, plane by plane or touched ahead (no change), " +
  "several planes scattered at once (no change), views of the window made once and not for each copy (kept, about 8 %), " +
  "lines loaded, filtered and evaluated 32 samples at a time in the first-level cache (kept, about 5 %), tiles of 0.5 to 16 MiB " +
  "(no change), eight lanes at once in the reference's recursion (kept), columns filtered in place (kept), bounds of four rows " +
  "at once (kept, 0.45 -> 0.25 ns a source voxel).";

const COMPONENTS =
  "Copying the labels out takes half of the time and cannot be avoided: ordinary stores write 52 million touched labels " +
  "in 0.51 ns a voxel, this row copies them out in 0.56 and the mask in in 0.12, of 1.0 to 1.1 in all; 20x SciPy would be " +
  "0.45 (6 neighbours) and 0.88 (26). The rest: painting 0.13, words of the mask 0.09, uniting 0.1, nodes 0.05. Tried: pieces " +
  "of 8 KiB copied out (kept; longer copies use string instructions, which take 0.72, as does `fill(0)`), `fill` of the " +
  "caller's rows and runs (a call for each costs more than painting), tiles of 8 to 64 KiB (16 kept: 0.19 to 0.13 for " +
  "painting), only the gaps painted with 0 (no change), whole slices united by words without branches (kept), pairs that " +
  "the slice before has united passed over (kept), runs looked up by ranks in the words (body 5 to 10 % faster than " +
  "comparing words, noise half as fast).";

const HOLES =
  "Copying the mask in and the result out takes 0.26 ns a voxel of 0.61 to 0.65; 80x is 0.53. The rest: words of the mask 0.08, " +
  "nodes 0.07, uniting 0.12, painting the holes 0.05. Tried: the result copied from the window in pieces of 8 KiB (kept, " +
  "0.05 faster than from the caller's mask); merging two lists of runs (0.03 faster on this mask, but components of noise " +
  "take twice as long, and both share the code); runs looked up by ranks in the words (as fast as words of whole slices " +
  "here, noise half as fast).";

const BLOBS =
  "Writing labels takes a third of the time, uniting a quarter: every set bit of the words is one pair of runs that " +
  "touch, and pairs that are known to be united are passed over (kept).";

const STREAM =
  "One copy into the window and one out of it are the time: the row is about as fast as copying input and output once, " +
  "and depends on the memory of the machine.";

const MEAN =
  "Every value is read twice, as the deviations need the mean first: reading 40 MB takes 0.43 ns a value each time, so " +
  "that 4x would leave nothing for the sums. The sums take 0.3 more, less than before as two leaves of NumPy's pairwise order are summed at once (kept). " +
  "Tried: the second reading from the end (no change), smaller tiles (no change), a touch of the next tile before the " +
  "current one is summed (slower).";

const MEAN_FLOAT64 =
  "Reading takes 0.43 ns a value, the sums 0.45: widening, deviation, square and two sums are 20 operations for eight values, " +
  "which two units do in 10 cycles. The one value that differs is NumPy's deviation, whose float32 sums miss the nearest " +
  "float32 by one unit in the last place (249.98508 for 249.985058).";

const CLIP =
  "Copying in and out takes 0.95 ns a value, the exact division 0.27 (three cycles for four values). Tried: results out in " +
  "pieces of 8 KiB (kept, 10 % faster), larger and smaller tiles (no change). Multiplying with the reciprocal in float64 " +
  "would give the same bits, but its conversions keep the two arithmetic units as busy as the division does.";

export const NOTES: Readonly<Record<string, string>> = {
  "cubic-exact-up": CUBIC_EXACT,
  "cubic-exact-up-stripped":
    "Exact zeros around the head: in the spline's far tails, which the reference computes too, values are smaller than what " +
    "they are rounded from. Levels of all source voxels 10 %, some 100 voxels in doubt with windows of up to 100 voxels to each " +
    "side 40 %. Tried: the last pass once instead of twice, levels in words of four slices, zeros not read (all kept, 72 -> " +
    "31 ns). Channels that are normalised inside the mask spare the tails: see `case-mr`.",
  "cubic-exact-down": CUBIC_EXACT,
  "cubic-fast-up":
    "Copies to and from the window are a third of the time. Tried: 32 samples at a time in the first-level cache and no " +
    "`memory.copy` of single vectors (kept, 5 to 10 %), views of the window made once, planes out in pieces of 8 KiB (kept, 4 " +
    "and 9 %). The error is that of float32 recursions along three axes with the " +
    "middle of the range taken off; float64 in one of them would cost a third of the speed.",
  "cubic-fast-down":
    "As `cubic-fast-up`; 1.7 source voxels are read and filtered along the last axis for each new one.",
  "separate-z-same":
    "40x would be 4.6 ns per voxel, for 1.6 source voxels each through two float64 recursions. Rows 21 %, recursion 17 %, last " +
    "pass 20 %, bounds of the rounding errors 10 %, copies 15 %. Tried: bounds in WebAssembly without branches (56 -> 16 ns " +
    "with the tables kept from slice to slice and columns filtered in place), 32 samples at a time in the first-level cache " +
    "(kept, about 10 %), whole slices copied out at once (kept).",
  "separate-z-change": "As `separate-z-same`; repeated slices are copies.",
  "fill-holes": HOLES,
  "components-6-body": COMPONENTS,
  "components-26-body": COMPONENTS,
  "components-6-blobs": BLOBS,
  "components-26-blobs": BLOBS,
  "mean-std": MEAN,
  "mean-std-float64": MEAN_FLOAT64,
  "clip-zscore": CLIP,
  percentiles: STREAM,
  "case-ct":
    "Cubic resampling takes 40 %, resampling the label 14 %, copying the label for the crop 8 %, the mask, its holes and the " +
    "box 5 %, the first touch of new arrays most of the rest. Tried: channels of which nothing is cut are " +
    "not copied, NaN and low labels are looked for in WebAssembly (both kept: 36 % less time).",
  "case-mr":
    "Cubic resampling of four channels takes about half, cropping 10 %. Tried: doubts outside the mask, which become 0, are " +
    "spared (kept: half of the time before).",
  dataset:
    "Deflating and inflating files takes most: each CT is inflated four times (scan, and the cropped case for the statistics " +
    "and the two stages) and deflated three times. Tried: labels of cropped cases read back in WebAssembly and class " +
    "locations found by runs (kept, two cases with one worker 32 -> 25 s), blocks that hardly repeat anything but runs " +
    "deflated without a search (kept, two cases with two workers 22.5 -> 17.6 s), labels as int16 where they were read (kept, " +
    "5 to 10 % of the memory). The peak depends on which cases meet.",
  "nearest-uint8": STREAM,
  "nearest-float32": STREAM,
};
