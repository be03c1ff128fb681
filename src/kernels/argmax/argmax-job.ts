/**
 * The job of argmax.ts as it lies in the window: offsets of its fields in bytes. Both compilers read this file, so the
 * layout stands here and nowhere else. Fields are i32 (addresses, counts, flags) unless they say otherwise.
 */

/** Interleaved source planes below and above the output slice, and the marks of their voxels. */
export const LOWER_PLANE = 0;
export const UPPER_PLANE = 4;
export const LOWER_MARKS = 8;
export const UPPER_MARKS = 12;
/** Weights of the two planes (f64). */
export const WEIGHT0 = 16;
export const WEIGHT1 = 24;
/** First source row that the planes hold. */
export const FIRST_ROW = 32;
/** Source columns; the same filled up to a multiple of eight, for marks. */
export const COLUMNS = 36;
export const PADDED_COLUMNS = 40;
/** Classes in groups of four, and the last class. */
export const GROUPS = 44;
export const LAST_CLASS = 48;
/** Taps of the output rows and columns; output rows that are wanted, half open; output columns. */
export const ROW_TABLE = 52;
export const FROM_ROW = 56;
export const TO_ROW = 60;
export const COLUMN_TABLE = 64;
export const OUTPUT_COLUMNS = 68;
/** By how much a value must lead in float32 to lead in the reference (f32). */
export const TOLERANCE = 72;
/** 1: the last region above THRESHOLD (f32) wins, 0: the largest class. */
export const REGIONS = 76;
export const THRESHOLD = 80;
/** 1: nothing may be decided in float32. */
export const EXACT_ONLY = 84;
/** 1: interpolated values are rounded to float16, 0: to float32. */
export const HALF = 88;
/** Scratch: marks of a row of cells, combined columns, the row that each was combined for, values of a voxel. */
export const CELLS = 92;
export const COMBINED = 96;
export const STAMPS = 100;
export const VALUES = 104;
/** For each source column c, the number of output columns that need columns below c only; COLUMNS + 1 of them. */
export const UNTIL = 108;
/** Label of each decision (u16), where labels go, and the bytes of one there: 1 or 2. */
export const LABELS = 112;
export const OUTPUT = 116;
export const LABEL_BYTES = 120;
/** Addresses of the tap blocks of the slice, row and column axis. */
export const TAP_BLOCKS = 124;
/**
 * Three tap blocks in the order of multiplication, each with two offsets, the number of taps, and two weights (f64);
 * offsets of these inside a block.
 */
export const TAPS = 136;
export const TAP_BLOCK_BYTES = 32;
export const TAP_COUNT = 8;
export const TAP_WEIGHTS = 16;
export const JOB_BYTES = 232;
