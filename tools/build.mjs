/**
 * Builds what has changed since the last build: the kernels, the modules, the viewer of reports, the one-file build, the
 * bundled command line.
 * `node tools/build.mjs [--only kernels|modules]`. What a step was made of is noted in dist/.build.json.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build as bundle } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const notes = join(dist, ".build.json");
const only = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1] : undefined;

function filesOf(path) {
  const full = join(root, path);
  if (!statSync(full).isDirectory()) return [path];
  const found = readdirSync(full, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

function fingerprint(paths) {
  const hash = createHash("sha256");
  for (const file of paths.flatMap(filesOf))
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update("\0");
  return hash.digest("hex");
}

const require = createRequire(import.meta.url);

/** Runs a package's command. @param manifest its package.json. @param name the command's name */
function run(manifest, name, ...parameters) {
  const script = JSON.parse(readFileSync(manifest, "utf8")).bin[name];
  const { status } = spawnSync(process.execPath, [join(manifest, "..", script), ...parameters], {
    cwd: root,
    stdio: "inherit",
  });
  if (status !== 0) process.exit(status ?? 1);
}

/** Modules and types whose source is gone. */
function prune() {
  for (const file of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
    const source = /^(.*)\.(js|d\.ts)$/.exec(file.replaceAll("\\", "/"))?.[1];
    if (source === undefined || /^(program\/.*|standalone|kernels\.wasm|view\/surface-viewer\.min)$/.test(source))
      continue;
    if (!existsSync(join(root, "src", `${source}.ts`))) rmSync(join(dist, file));
  }
}

/** What the one-file build gives: the names of `nnprep`, and each subpath as an object. */
const STANDALONE = [
  'export * from "./web.js";',
  ...["io", "steps", "view", "dataset", "inference", "v1", "v2"].map(
    (name) => `export * as ${name} from "./public/${name}.js";`,
  ),
].join("\n");

/** One module for script tags and content delivery: everything that runs in a page, the kernels inside as text. */
async function buildStandalone() {
  const wasm = readFileSync(join(dist, "kernels.wasm")).toString("base64");
  const inline = {
    name: "kernels inside",
    setup(plugin) {
      plugin.onLoad({ filter: /runtime[\\/]wasm-web\.js$/ }, () => ({
        contents: `export const loadKernelBytes = async () => Uint8Array.from(atob("${wasm}"), (c) => c.charCodeAt(0));`,
      }));
    },
  };
  await bundle({
    stdin: { contents: STANDALONE, resolveDir: dist },
    outfile: join(dist, "standalone.js"),
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    platform: "browser",
    // Optional packages: a page that has them names them in an import map.
    external: ["@itk-wasm/dicom", "onnxruntime-web", "onnxruntime-web/*"],
    plugins: [inline],
    logLevel: "warning",
  });
  writeFileSync(join(dist, "standalone.d.ts"), `${STANDALONE}\n`);
}

/**
 * The command line and its workers, bundled: a command starts with ten files instead of 150. A module finds what lies
 * beside it (kernels, package.json) where it stood before; workers are the bundled ones.
 */
async function buildProgram() {
  const places = {
    name: "places as before",
    setup(plugin) {
      plugin.onLoad({ filter: /\.js$/ }, ({ path }) => {
        const code = path.startsWith(dist) ? readFileSync(path, "utf8") : "";
        if (!code.includes("import.meta.url")) return undefined;
        const place = relative(dist, path).replaceAll("\\", "/");
        const base = place === "runner/process-executor.js" ? `./${place}` : `../${place}`;
        return { contents: code.replaceAll("import.meta.url", `new URL(${JSON.stringify(base)}, import.meta.url)`) };
      });
    },
  };
  rmSync(join(dist, "program"), { recursive: true, force: true });
  const { metafile } = await bundle({
    entryPoints: [join(dist, "cli/main.js"), join(dist, "worker.js")],
    entryNames: "[name]",
    outdir: join(dist, "program"),
    bundle: true,
    splitting: true,
    minifySyntax: true,
    minifyWhitespace: true,
    format: "esm",
    target: "node20",
    platform: "node",
    external: ["@aws-sdk/client-s3", "@itk-wasm/dicom", "onnxruntime-node"],
    // Packages of the older kind ask for Node's modules by `require`.
    banner: {
      js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);',
    },
    plugins: [places],
    metafile: true,
    logLevel: "warning",
  });
  const packages = Object.keys(metafile.inputs).map(
    (path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1],
  );
  const licences = [...new Set(packages.filter((folder) => folder !== undefined))].sort().map((folder) => {
    const { name, license } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
    const file = readdirSync(join(root, folder)).find((found) => /^licen[cs]e/i.test(found));
    return `${name} (${license})\n\n${file === undefined ? "" : readFileSync(join(root, folder, file), "utf8")}`;
  });
  writeFileSync(join(dist, "program/LICENSES.txt"), licences.join("\n\n"));
}

const steps = {
  kernels: {
    from: ["assembly", "asconfig.json"],
    to: "kernels.wasm",
    make: () => {
      run(require.resolve("assemblyscript/package.json"), "asc", "assembly/index.ts", "--target", "release");
      writeFileSync(
        join(dist, "kernels.wasm.d.ts"),
        "/** Where a bundler puts the file (webpack 5: asset/resource, esbuild: file). Vite: nnprep/kernels.wasm?url. */\n" +
          "declare const url: string;\nexport default url;\n",
      );
    },
  },
  modules: {
    from: ["src", "tsconfig.json"],
    to: "index.js",
    make: () => {
      run(
        require.resolve("typescript/package.json"),
        "tsc",
        "-p",
        "tsconfig.json",
        "--incremental",
        "--tsBuildInfoFile",
        "dist/.tsbuildinfo",
      );
      prune();
    },
  },
  // See the module itself. The compiler writes it with an import whenever it compiles it anew.
  "dicom-parser": {
    from: ["src/io/dicom-parser.ts"],
    to: "io/dicom-parser.js",
    isDone: () => !/from "dicom-parser"/.test(readFileSync(join(dist, "io/dicom-parser.js"), "utf8")),
    make: () =>
      bundle({
        entryPoints: [join(dist, "io/dicom-parser.js")],
        outfile: join(dist, "io/dicom-parser.js"),
        allowOverwrite: true,
        banner: { js: `/*! dicom-parser\n${readFileSync(join(root, "node_modules/dicom-parser/LICENSE"), "utf8")}*/` },
        bundle: true,
        minify: true,
        format: "esm",
        target: "es2022",
        platform: "browser",
        logLevel: "warning",
      }),
  },
  // See the module itself. The compiler writes it empty whenever it compiles it anew.
  "kernels as text": {
    from: ["src/runtime/kernels-text.ts", "assembly", "asconfig.json"],
    to: "runtime/kernels-text.js",
    isDone: () => !/""/.test(readFileSync(join(dist, "runtime/kernels-text.js"), "utf8")),
    make: () => {
      const file = join(dist, "runtime/kernels-text.js");
      const text = readFileSync(join(dist, "kernels.wasm")).toString("base64");
      writeFileSync(file, readFileSync(file, "utf8").replace(/ = ".*";/, ` = "${text}";`));
    },
  },
  viewer: {
    from: ["viewer", "src/view"],
    to: "view/surface-viewer.min.js",
    make: () =>
      bundle({
        entryPoints: [join(root, "viewer/surface-viewer.ts")],
        outfile: join(dist, "view/surface-viewer.min.js"),
        bundle: true,
        minify: true,
        format: "iife",
        target: "es2020",
        logLevel: "warning",
      }),
  },
  standalone: { from: ["src", "assembly", "asconfig.json"], to: "standalone.js", make: buildStandalone },
  program: { from: ["src"], to: "program/main.js", make: buildProgram },
};

mkdirSync(dist, { recursive: true });
const done = existsSync(notes) ? JSON.parse(readFileSync(notes, "utf8")) : {};
const installed = fingerprint(["package-lock.json", "tools/build.mjs"]);
// Without its outputs the compiler's note of what it compiled would have it write nothing.
if (!existsSync(join(dist, "index.js"))) rmSync(join(dist, ".tsbuildinfo"), { force: true });
for (const [name, { from, to, make, isDone = () => true }] of Object.entries(steps)) {
  if (only !== undefined && only !== name) continue;
  const wanted = `${installed} ${fingerprint(from)}`;
  if (done[name] === wanted && existsSync(join(dist, to)) && isDone()) continue;
  await make();
  done[name] = wanted;
  writeFileSync(notes, JSON.stringify(done));
}
