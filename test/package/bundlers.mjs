/**
 * A page that uses the package as README says, by the development servers of Vite 7 and 8 with nothing configured, by
 * webpack 5 and by esbuild; and CommonJS. `folder` has the package installed; `hash` is what Node found.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build as esbuild } from "esbuild";
import * as vite8 from "vite";

const PAGE = `import { prepare } from "./prepare.mjs";
prepare().then(
  (hash) => { document.querySelector("output").textContent = hash; },
  (error) => { document.querySelector("output").textContent = "failed: " + (error.stack ?? error); },
);
`;
const HTML = (script) => `<!doctype html><meta charset="utf-8"><output>working</output>${script}`;

/** What the page at `url` shows once it is done, and the requests that were answered with an error. */
async function shown(browser, url) {
  const tab = await browser.newPage();
  const refused = [];
  tab.on("response", (response) => {
    // Chromium asks for the icon by itself.
    if (response.status() >= 400 && !response.url().endsWith("/favicon.ico")) refused.push(response.url());
  });
  try {
    await tab.goto(url);
    const text = await tab.locator("output:not(:text('working'))").textContent();
    return [text, ...refused].join(" ");
  } finally {
    await tab.close();
  }
}

/** The same by a server that knows files only. */
async function shownFrom(browser, folder) {
  const types = { html: "text/html", js: "text/javascript", wasm: "application/wasm" };
  const server = createServer((request, response) => {
    const file = join(folder, new URL(request.url, "http://localhost").pathname);
    if (!existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": types[file.split(".").pop()] ?? "text/plain" }).end(readFileSync(file));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await shown(browser, `http://127.0.0.1:${server.address().port}/index.html`);
  } finally {
    server.close();
  }
}

/** In a folder of its own, as every project of a user. */
function makeProject(folder, name) {
  const project = join(folder, name);
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), JSON.stringify({ name, private: true, type: "module" }));
  writeFileSync(join(project, "prepare.mjs"), readFileSync(join(folder, "prepare.mjs")));
  writeFileSync(join(project, "page.mjs"), PAGE);
  writeFileSync(join(project, "index.html"), HTML('<script type="module" src="./page.mjs"></script>'));
  return project;
}

async function developmentServer(browser, vite, project) {
  const server = await vite.createServer({
    root: project,
    configFile: false,
    logLevel: "error",
    server: { host: "127.0.0.1" },
  });
  try {
    await server.listen();
    return await shown(browser, server.resolvedUrls.local[0]);
  } finally {
    await server.close();
  }
}

/** Sources of the bundle `entry` and of those that it imports, but for what it imports later. */
function loadedAtOnce(outputs, entry) {
  const bundles = new Set([entry]);
  for (const bundle of bundles) {
    for (const { kind, path } of outputs[bundle].imports) {
      if (kind !== "dynamic-import" && outputs[path] !== undefined) bundles.add(path);
    }
  }
  return [...bundles].flatMap((bundle) => Object.keys(outputs[bundle].inputs));
}

/** Bundles with webpack; the warnings of it. */
async function bundleByWebpack(webpack, project) {
  const compiler = webpack({
    mode: "production",
    context: project,
    entry: "./page.mjs",
    output: { path: join(project, "out") },
    // The size of the bundle is not what is looked at here.
    performance: false,
  });
  const stats = await new Promise((resolve, reject) => {
    compiler.run((error, found) => (error ? reject(error) : resolve(found)));
  });
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
  if (errors.length > 0) throw new Error(`webpack: ${errors.map(({ message }) => message).join("\n")}`);
  writeFileSync(join(project, "out/index.html"), HTML('<script src="main.js"></script>'));
  return warnings.map(({ message }) => message);
}

export async function checkBundlers(folder, hash, browser, check) {
  const found = execFileSync(
    process.execPath,
    ["-e", "const { init, readScan } = require('nnprep'); console.log(typeof init, typeof readScan)"],
    { cwd: folder, encoding: "utf8" },
  );
  check('require("nnprep")', found.trim(), "function function");

  const tools = join(folder, "tools");
  mkdirSync(tools);
  writeFileSync(join(tools, "package.json"), "{}");
  const wanted = ["vite7@npm:vite@7.3.8", "webpack@5.112.1"];
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...wanted], {
    cwd: tools,
    stdio: ["ignore", "ignore", "inherit"],
    shell: process.platform === "win32",
  });
  const require = createRequire(join(tools, "package.json"));
  // As workspaces of one repository, whose packages the servers serve.
  const root = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ ...root, workspaces: ["vite7", "vite8"] }));
  const vite7 = await import(pathToFileURL(join(tools, "node_modules/vite7/dist/node/index.js")).href);
  for (const [name, vite] of Object.entries({ vite7, vite8 })) {
    const project = makeProject(folder, name);
    check(`development server of Vite ${vite.version}`, await developmentServer(browser, vite, project), hash);
  }

  const packed = makeProject(folder, "webpack");
  const warnings = await bundleByWebpack(require("webpack"), packed);
  check("webpack 5 warns of nothing", warnings.join("\n"), "");
  check("webpack 5", await shownFrom(browser, join(packed, "out")), hash);

  const bundled = makeProject(folder, "esbuild");
  const { metafile } = await esbuild({
    entryPoints: [join(bundled, "page.mjs")],
    absWorkingDir: bundled,
    outdir: join(bundled, "out"),
    bundle: true,
    splitting: true,
    format: "esm",
    metafile: true,
    logLevel: "warning",
  });
  const carried = loadedAtOnce(metafile.outputs, "out/page.js").filter((file) =>
    /\/dicom-parser|\/dicom\.js$/.test(file),
  );
  check("a page that reads NIfTI does not carry DICOM's readers", carried.join(" "), "");
  writeFileSync(join(bundled, "out/index.html"), HTML('<script type="module" src="page.js"></script>'));
  check("esbuild", await shownFrom(browser, join(bundled, "out")), hash);
}
