/** SHA-256 in hex of whole numbers as little-endian int32, for fixtures too long to store. */
export async function sha256OfInt32(values: ArrayLike<number>): Promise<string> {
  const bytes = new DataView(new ArrayBuffer(values.length * 4));
  for (let i = 0; i < values.length; i++) bytes.setInt32(i * 4, values[i], true);
  const digest = await crypto.subtle.digest("SHA-256", bytes.buffer);
  return Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, "0")).join("");
}
