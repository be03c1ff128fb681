/** Placeholder until the real kernel. */
export function sum(address: usize, count: i32): f64 {
  let total: f64 = 0;
  for (let i = 0; i < count; i++) total += load<f32>(address + ((<usize>i) << 2));
  return total;
}
