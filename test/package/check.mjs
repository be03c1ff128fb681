/**
 * The package as its users get it: packed, installed into an empty folder, imported by plain Node, typed with two ways
 * of module resolution, bundled by Vite and others and run in Chromium. `node test/package/check.mjs`
 */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright";
import { build, preview } from "vite";
import { checkBundlers } from "./bundlers.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const args = JSON.parse(readFileSync(join(root, "test/chromium-args.json"), "utf8"));
const folder = mkdtempSync(join(tmpdir(), "nnprep-package-"));
const windows = process.platform === "win32";

function run(command, parameters, cwd = folder) {
  return execFileSync(command, parameters, {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    shell: windows,
  });
}

/** Prints what went well; throws at the first thing that did not. */
function check(name, found, expected) {
  if (found !== expected) throw new Error(`${name}: ${found} found, ${expected} expected`);
  console.log(`ok  ${name}`);
}

/** Whether a file belongs into the package: a text of ours, the kernels, or what the compiler makes of a source. */
function belongs(path) {
  if (
    [
      "package.json",
      "README.md",
      "LICENSE",
      "CHANGELOG.md",
      "CITATION.cff",
      "docs/view.png",
      "dist/kernels.wasm",
      "dist/kernels.wasm.d.ts",
      "dist/standalone.js",
      "dist/standalone.d.ts",
      "dist/view/surface-viewer.min.js",
      "dist/program/LICENSES.txt",
    ].includes(path) ||
    /^dist\/program\/[\w-]+\.js$/.test(path)
  )
    return true;
  const source = /^dist\/(.*)\.(js|d\.ts)$/.exec(path)?.[1];
  return source !== undefined && existsSync(join(root, "src", `${source}.ts`));
}

function install() {
  const [packed] = JSON.parse(run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], root));
  const strange = packed.files.map((file) => file.path).filter((path) => !belongs(path));
  check("the tarball holds what it should (npm run clean removes leftovers)", strange.join(" "), "");
  cpSync(join(root, "test/package/consumer"), folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", join(folder, packed.filename)]);
  console.log(`ok  ${packed.filename}: ${packed.files.length} files, ${Math.round(packed.size / 1024)} kB`);
}

/** Processor time of Node with these parameters in ms, the least of seven runs: a busy machine does not count. */
function processorTime(parameters) {
  const tell = "process.on('exit', () => process.stderr.write('\\n' + Object.values(process.cpuUsage()).join(' ')))";
  const preload = `data:text/javascript,${encodeURIComponent(tell)}`;
  const times = Array.from({ length: 7 }, () => {
    const options = { cwd: folder, encoding: "utf8" };
    const { stderr } = spawnSync(process.execPath, ["--import", preload, ...parameters], options);
    const [user, system] = stderr.split("\n").at(-1).split(" ").map(Number);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}

/** What a command takes beside Node itself. */
function checkStart() {
  const bare = processorTime(["-e", "0"]);
  const main = "node_modules/nnprep/dist/program/main.js";
  for (const command of ["--help", "info --help", "predict --help", "find-best --help"]) {
    const more = processorTime([main, ...command.split(" ")]) - bare;
    check(`nnprep ${command}: ${Math.round(more)} ms more than bare Node, under 150`, more < 150, true);
  }
}

function runInNode() {
  const hash = run(process.execPath, ["node.mjs"]).trim();
  check("plain Node", /^[0-9a-f]{64}$/.test(hash), true);
  check("plain Node, init({ wasm })", run(process.execPath, ["node.mjs", "wasm"]).trim(), hash);
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  check("npx nnprep --version", run("npx", ["--no-install", "nnprep", "--version"]).trim(), version);
  check("npx nnprep --help", run("npx", ["--no-install", "nnprep", "--help"]).includes("plan-and-preprocess"), true);
  run(process.execPath, ["task.mjs", "raw/Task001_Packed"]);
  const folders = ["--raw", "raw", "--cropped", "cropped", "--preprocessed", "preprocessed"];
  run("npx", [
    "--no-install",
    "nnprep",
    "plan-and-preprocess",
    "-t",
    "1",
    "--workers",
    "2",
    "--no-progress",
    ...folders,
  ]);
  const written = ["a", "b"].filter((identifier) =>
    existsSync(join(folder, `preprocessed/Task001_Packed/nnUNetData_plans_v2.1_stage0/${identifier}.npz`)),
  );
  check("npx nnprep plan-and-preprocess, two worker processes", written.join(" "), "a b");
  return hash;
}

/** What tells that an example is for Node: its modules, and the names that only Node's entries have. */
const NODE_ONLY =
  /from "node:|\b(readScanPath|scanFileFromPath|scanFilesInFolder|FolderStore|openDataset|openTask|openStore)\b/;

/** Writes the examples of the README and the guides as files; the names of those that need Node, and of the others. */
function writeExamples() {
  const examples = { node: [], anywhere: [] };
  const guides = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
  const texts = ["README.md", ...guides.map((name) => `docs/${name}`)].map((name) =>
    readFileSync(join(root, name), "utf8"),
  );
  const blocks = texts.join("\n").matchAll(/```ts\n(.*?)```/gs);
  for (const [index, [, code]] of [...blocks].entries()) {
    const name = `example-${index + 1}.ts`;
    writeFileSync(join(folder, name), code);
    examples[NODE_ONLY.test(code) ? "node" : "anywhere"].push(name);
  }
  return examples;
}

function checkTypes() {
  const compiler = fileURLToPath(import.meta.resolve("typescript/bin/tsc"));
  const shared = {
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    target: "es2022",
    exactOptionalPropertyTypes: true,
  };
  const settings = {
    nodenext: {
      ...shared,
      module: "nodenext",
      typeRoots: [join(root, "node_modules/@types")],
      types: ["node"],
    },
    bundler: { ...shared, module: "esnext", moduleResolution: "bundler", lib: ["es2022", "dom"], types: [] },
  };
  const { node, anywhere } = writeExamples();
  check("README has examples for Node and for a page", node.length > 0 && anywhere.length > 0, true);
  for (const [name, compilerOptions] of Object.entries(settings)) {
    const files = ["typed.ts", ...anywhere, ...(name === "nodenext" ? node : [])];
    writeFileSync(join(folder, `${name}.json`), JSON.stringify({ compilerOptions, files }));
    const { stdout } = spawnSync(process.execPath, [compiler, "-p", `${name}.json`], { cwd: folder, encoding: "utf8" });
    check(`types with ${name}`, stdout, "");
  }
}

/** A page with one script tag and no bundler, served as it lies. */
async function runStandalone(hash) {
  const place = join(folder, "node_modules/nnprep/dist");
  writeFileSync(
    join(place, "plain.html"),
    `<!doctype html><output>working</output><script type="module">
    import { prepare } from "./plain.js";
    document.querySelector("output").textContent = await prepare();
    </script>`,
  );
  // The names of a subpath are one object there.
  const code = readFileSync(join(folder, "prepare.mjs"), "utf8")
    .replaceAll(/import (\{.*\}) from "nnprep\/(\w+)";/g, 'import { $2 } from "./standalone.js";\nconst $1 = $2;')
    .replaceAll('from "nnprep"', 'from "./standalone.js"');
  writeFileSync(join(place, "plain.js"), code);
  const server = createServer((request, response) => {
    const file = join(place, new URL(request.url, "http://localhost").pathname);
    if (!existsSync(file)) return response.writeHead(404).end();
    const type = file.endsWith(".html") ? "text/html" : "text/javascript";
    response.writeHead(200, { "content-type": type }).end(readFileSync(file));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
  try {
    const tab = await browser.newPage();
    await tab.goto(`http://127.0.0.1:${server.address().port}/plain.html`);
    const found = await tab.locator("output:not(:text('working'))").textContent();
    check("Chromium, nnprep/standalone in a plain page", found, hash);
  } finally {
    await browser.close();
    server.close();
  }
}

async function runInPage(hash) {
  const page = join(folder, "page");
  const shared = { root: page, configFile: false, logLevel: "error" };
  const bundle = await build({ ...shared, build: { outDir: "out", target: "es2022", assetsInlineLimit: 0 } });
  const code = bundle.output.map((file) => (file.type === "chunk" ? file.code : "")).join("");
  check("the bundle has nothing of Node's", /node:|browser-external/.test(code), false);
  await visit(shared, {}, async (read) => {
    check("Chromium, Vite's own copy of the kernels", await read(""), `hash ${hash}`);
    check("Chromium, init({ wasm })", await read("?wasm"), `hash ${hash}`);
    check("Chromium, bundled Web Workers", await read("?threads"), "2 threads, transfer: equal");
  });
  const isolated = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
  await visit(shared, isolated, async (read) => {
    check("Chromium, Web Workers with shared memory", await read("?threads"), "2 threads, shared: equal");
  });
}

/** Serves the bundle with some headers; `use` gets a function that returns what the page shows for a query. */
async function visit(shared, headers, use) {
  const place = { host: "127.0.0.1", port: 4173, headers };
  const server = await preview({ ...shared, build: { outDir: "out" }, preview: place });
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
  try {
    const tab = await browser.newPage();
    await use(async (query) => {
      await tab.goto(`${server.resolvedUrls.local[0]}${query}`);
      return tab.locator("output:not(:text('working'))").textContent();
    });
  } finally {
    await browser.close();
    await server.close();
  }
}

try {
  install();
  const hash = runInNode();
  checkStart();
  checkTypes();
  await runInPage(hash);
  await runStandalone(hash);
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
  await checkBundlers(folder, hash, browser, check).finally(() => browser.close());
} finally {
  rmSync(folder, { recursive: true, force: true });
}
