/** Python's pickle for plain values and NumPy arrays: the documents that nnU-Net v1 keeps beside its arrays. */
export { parsePickle } from "./pickle-reader.js";
export { formatPickle } from "./pickle-writer.js";
