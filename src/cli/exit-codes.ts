/** Exit codes beside 0. */
export const FAILED = 1;
export const WRONG_USAGE = 2;
export const INTERRUPTED = 130;
