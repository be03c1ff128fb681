/*
 * Arguments of kernels that take more than about eight: a structure in the window with one float64 for each member of an
 * enum, which stands once, beside the wrapper in src/kernels. Float64 holds addresses, counts and float32 exactly.
 */

export function address(structure: usize, member: i32): usize {
  return <usize>load<f64>(structure + ((<usize>member) << 3));
}

export function integer(structure: usize, member: i32): i32 {
  return <i32>load<f64>(structure + ((<usize>member) << 3));
}

export function real(structure: usize, member: i32): f64 {
  return load<f64>(structure + ((<usize>member) << 3));
}
