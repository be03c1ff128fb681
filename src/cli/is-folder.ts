import { statSync } from "node:fs";

/** False also for what cannot be looked at, such as links in a circle: reading or writing it says why. */
export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
