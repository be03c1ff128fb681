// Proof of the .b2nd writer: every .b2nd file below a folder that nnU-Net preprocessed is read, written again, and both files
// are opened by python-blosc2 (plain and memory-mapped, whole and in patches) and by nnU-Net's own dataset class.
//
// npm run build && node test/oracle/v2-b2nd.mjs PREPROCESSED PYTHON FOLDER [PATCH...]
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readB2nd, writeB2nd } from "../../dist/public/io.js";

const [preprocessed, python, folder, ...patch] = process.argv.slice(2);
const patchSize = patch.length > 0 ? patch.map(Number) : [128, 128, 128];
const names = readdirSync(preprocessed, { recursive: true }).sort();
for (const name of names) {
  if (!/\.(b2nd|pkl)$/.test(name)) continue;
  const [from, to] = [join(preprocessed, name), join(folder, name)];
  mkdirSync(dirname(to), { recursive: true });
  if (name.endsWith(".pkl")) copyFileSync(from, to);
  else writeFileSync(to, Buffer.concat(await writeB2nd(await readB2nd(readFileSync(from)), { patchSize })));
}
const script = fileURLToPath(new URL("v2_b2nd_files.py", import.meta.url));
process.exitCode = spawnSync(python, [script, preprocessed, folder], { stdio: "inherit" }).status ?? 1;
