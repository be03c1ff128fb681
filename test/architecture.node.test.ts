import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test, vi } from "vitest";

/** The rules of the house, held by machine. Every list below is expected to be empty; an entry says file and import. */

const root = fileURLToPath(new URL("..", import.meta.url));
const LINE_LIMIT = 400;
const MOST_ARGUMENTS = 10;
/** Files that are longer, and how long they may be. To be emptied, never to grow. */
const LONGER: Readonly<Record<string, number>> = {};

// The TypeScript compiler reads all of the sources: seconds on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

/**
 * What each layer may import besides itself. `index`, `node`, `web`, `worker` and the files of `public` are entry files.
 * The runner stands below the recipes: it knows cases, jobs and stores, not what is done with them, so that a recipe's
 * stages can use it.
 */
const BELOW_RECIPES = ["core", "runtime", "kernels", "steps", "io", "runner"];
const BELOW_INDEX = [...BELOW_RECIPES, "recipes", "inference", "view", "report"];
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  runtime: ["core"],
  kernels: ["core", "runtime"],
  // Codecs and filters of Blosc2 (.b2nd) are kernels: they are hot loops that no package has.
  io: ["core", "runtime", "kernels"],
  steps: ["core", "runtime", "kernels"],
  runner: ["core", "runtime", "io"],
  recipes: BELOW_RECIPES,
  inference: [...BELOW_RECIPES, "recipes"],
  view: ["core", "kernels"],
  report: [...BELOW_RECIPES, "recipes", "view"],
  index: BELOW_INDEX,
  public: BELOW_INDEX,
  node: ["index", ...BELOW_INDEX],
  web: ["index", ...BELOW_INDEX],
  worker: BELOW_INDEX,
  // The public names are made for users, not for the command line.
  cli: BELOW_INDEX,
};

/** Packages, and the only place that may know each of them. */
const PACKAGE_HOME: Readonly<Record<string, RegExp>> = {
  "@aws-sdk/client-s3": /^src\/runner\/s3-store\.ts$/,
  "fast-png": /^src\/io\/png-image\.ts$/,
  "@assemblyscript/loader": /^src\/runtime\/instantiate\.ts$/,
  workerpool: /^src\/runtime\/pool\.ts$/,
  "nifti-reader-js": /^src\/io\//,
  "dicom-parser": /^src\/io\/dicom-parser\.ts$/,
  "@itk-wasm/dicom": /^src\/io\/dicom-decoder-(node|web)\.ts$/,
  "onnxruntime-node": /^src\/inference\/onnx-node\.ts$/,
  "onnxruntime-web": /^src\/inference\/onnx-web\.ts$/,
  "onnxruntime-web/wasm": /^src\/inference\/onnx-web\.ts$/,
  "onnxruntime-web/webgpu": /^src\/inference\/onnx-web\.ts$/,
  fflate: /^src\/io\//,
  fzstd: /^src\/io\/blosc2\/codecs\.ts$/,
  "meshoptimizer/simplifier": /^src\/view\/reduce\.ts$/,
  valibot: /^src\/recipes\/(task-description\.ts|v[12]\/documents\/)/,
  commander: /^src\/cli\//,
  "cli-progress": /^src\/cli\/progress\.ts$/,
};

/**
 * Functions of `Math` whose last bits differ between engines, and the only place that may call each: for what is read by
 * people only.
 */
const INEXACT =
  "acos acosh asin asinh atan atan2 atanh cbrt cos cosh exp expm1 hypot log log10 log1p log2 pow sin sinh tan tanh";
const INEXACT_HOME: Readonly<Record<string, RegExp>> = {
  acos: /^src\/io\/formats\.ts$/, // an angle in a warning
  atan2: /^src\/io\/dicom-geometry\.ts$/, // an angle in a warning
  log: /^src\/view\/report-plots\.ts$/, // marks of a logarithmic axis
};

const EMPTY_NAMES = ["utils", "util", "helpers", "helper", "common", "misc", "manager", "shared", "lib", "types"];

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((file) => `${folder}/${file.replaceAll("\\", "/")}`)
    .filter((file) => file.endsWith(".ts"))
    .sort();
}

interface Import {
  readonly from: string;
  /** As it is written. */
  readonly specifier: string;
  /** The file in `src/`, or null for packages and Node's own modules. */
  readonly to: string | null;
}

/** The targets of the package's own `#name` imports under one condition, as files in `src/`. */
function ownImports(condition: "node" | "default"): Map<string, string> {
  const { imports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    imports: Record<string, Record<string, string>>;
  };
  return new Map(
    Object.entries(imports).map(([name, targets]) => {
      const target = targets[condition];
      if (target === undefined) throw new Error(`package.json: imports ${name} has no condition ${condition}`);
      return [name, target.replace("./dist/", "src/").replace(/\.js$/, ".ts")];
    }),
  );
}

function importsOf(from: string, condition: "node" | "default"): Import[] {
  const own = ownImports(condition);
  const { importedFiles } = ts.preProcessFile(readFileSync(join(root, from), "utf8"), true, true);
  return importedFiles.map(({ fileName: specifier }) => {
    if (specifier.startsWith("."))
      return { from, specifier, to: join(dirname(from), specifier).replace(/\.js$/, ".ts") };
    return { from, specifier, to: own.get(specifier) ?? null };
  });
}

const sources = filesBelow("src");
const imports = {
  node: sources.flatMap((f) => importsOf(f, "node")),
  web: sources.flatMap((f) => importsOf(f, "default")),
};

function layerOf(file: string): string {
  const [, first] = file.split("/");
  return basename(first, ".ts");
}

/** Every file that `entry` reaches, with the file that imports it. */
function reach(entry: string, edges: readonly Import[]): Map<string, string> {
  const from = new Map([[entry, entry]]);
  for (const file of from.keys()) {
    for (const edge of edges) if (edge.from === file && edge.to !== null && !from.has(edge.to)) from.set(edge.to, file);
  }
  return from;
}

function pathTo(file: string, from: Map<string, string>): string {
  const previous = from.get(file);
  return previous === undefined || previous === file ? file : `${pathTo(previous, from)} -> ${file}`;
}

test("every folder of src is a layer with a rule", () => {
  expect(sources.filter((file) => MAY_IMPORT[layerOf(file)] === undefined)).toEqual([]);
});

test("imports point down", () => {
  const wrong = imports.node.filter(({ from, to }) => {
    if (to === null) return false;
    return layerOf(from) !== layerOf(to) && !MAY_IMPORT[layerOf(from)]?.includes(layerOf(to));
  });
  expect(wrong.map(({ from, specifier }) => `${from} imports ${specifier}`)).toEqual([]);
});

test("imports lead to files that exist", () => {
  const wrong = [...imports.node, ...imports.web].filter(({ to }) => to !== null && !sources.includes(to));
  expect(wrong.map(({ from, specifier }) => `${from} imports ${specifier}`)).toEqual([]);
});

test("the two generations do not know each other", () => {
  const generation = (file: string) => /^src\/recipes\/(v\d)\//.exec(file)?.[1];
  const wrong = imports.node.filter(({ from, to }) => {
    const [own, other] = [generation(from), generation(to ?? "")];
    return own !== undefined && other !== undefined && own !== other;
  });
  expect(wrong.map(({ from, specifier }) => `${from} imports ${specifier}`)).toEqual([]);
});

/** What one generation alone has in a file of its own. */
const ONE_GENERATION = [
  // v1 hands a cascade's labels on after the network, v2 reads them while it preprocesses
  "evaluate", // v2 evaluates regions and leaves ignored voxels out, v1 what steps/metrics counts
  "intensity", // v1 takes every tenth voxel, v2 draws them in its fingerprint
];

test("the two generations give the same things the same names", () => {
  const namesIn = (folder: string) => sources.filter((f) => dirname(f) === folder).map((f) => basename(f, ".ts"));
  const [v1, v2] = [namesIn("src/recipes/v1"), namesIn("src/recipes/v2")];
  const alone = [...v1.filter((name) => !v2.includes(name)), ...v2.filter((name) => !v1.includes(name))];
  expect(alone.sort()).toEqual(ONE_GENERATION);
  // v2 has more documents; those of v1 are there under their names.
  const documents = namesIn("src/recipes/v2/documents");
  expect(namesIn("src/recipes/v1/documents").filter((name) => !documents.includes(name))).toEqual([]);
});

test("there are no circles", () => {
  const circles = sources.flatMap((file) =>
    imports.node
      .filter((edge) => edge.from === file && edge.to !== null)
      .map((edge) => ({ edge, back: reach(edge.to as string, imports.node) }))
      .filter(({ back }) => back.has(file))
      .map(({ edge, back }) => `${file} imports ${edge.specifier}: ${file} -> ${pathTo(file, back)}`),
  );
  expect(circles).toEqual([]);
});

test("what runs anywhere imports nothing of Node's", () => {
  const entries = [
    "src/index.ts",
    "src/web.ts",
    ...filesBelow("src/public").filter((file) => !file.endsWith("-node.ts")),
  ];
  const wrong = entries.flatMap((entry) => {
    const reached = reach(entry, imports.web);
    return imports.web
      .filter(({ from, specifier }) => reached.has(from) && specifier.startsWith("node:"))
      .map(({ from, specifier }) => `${from} imports ${specifier}: ${pathTo(from, reached)}`);
  });
  expect(wrong).toEqual([]);
});

test("Node's modules are imported by their full name", () => {
  const bare = imports.node.filter(({ specifier }) =>
    /^(fs|os|path|url|zlib|process|worker_threads)(\/|$)/.test(specifier),
  );
  expect(bare.map(({ from, specifier }) => `${from} imports ${specifier}`)).toEqual([]);
});

test("each package is known in one place only", () => {
  const wrong = imports.node.filter(({ from, specifier, to }) => {
    if (to !== null || specifier.startsWith("node:")) return false;
    return !PACKAGE_HOME[specifier]?.test(from);
  });
  expect(wrong.map(({ from, specifier }) => `${from} imports ${specifier}`)).toEqual([]);
});

test("no result depends on functions that engines round differently", () => {
  const pattern = new RegExp(`\\bMath\\.(${INEXACT.replaceAll(" ", "|")})\\b`, "g");
  const wrong = sources.flatMap((file) => {
    // Comments name them as other libraries' own.
    const code = readFileSync(join(root, file), "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
    return [...code.matchAll(pattern)]
      .filter(([, name]) => !INEXACT_HOME[name]?.test(file))
      .map(([use]) => `${file} calls ${use}`);
  });
  expect(wrong).toEqual([]);
});

const options: ts.CompilerOptions = {
  ...ts.parseJsonConfigFileContent(ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile).config, ts.sys, root)
    .options,
  noEmit: true,
};
const program = ts.createProgram(
  sources.map((file) => join(root, file)),
  options,
);
const checker = program.getTypeChecker();

/** Global names of the DOM library that `file` uses and that Node does not have. */
function pageNames(file: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && !(node.text in globalThis)) {
      const declarations = checker.getSymbolAtLocation(node)?.declarations ?? [];
      const global = declarations.filter((d) =>
        ts.isSourceFile(ts.isVariableDeclaration(d) ? d.parent.parent.parent : d.parent),
      );
      if (global.length > 0 && global.every((d) => /lib\.dom[^/]*\.d\.ts$/.test(d.getSourceFile().fileName))) {
        found.push(node.text);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(program.getSourceFile(join(root, file)) as ts.SourceFile);
  return found;
}

/** Casts of literals say which type is meant, where the compiler would take a wider one. */
function castsToTheSame(file: string): string[] {
  const source = program.getSourceFile(join(root, file)) as ts.SourceFile;
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isAsExpression(node) && !ts.isConstTypeReference(node.type)) {
      const { expression, type } = node;
      const literal = ts.isLiteralExpression(expression) || ts.isArrayLiteralExpression(expression);
      if (!literal && checker.getTypeAtLocation(expression) === checker.getTypeFromTypeNode(type)) {
        found.push(`${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1} ${node.getText()}`);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

test("nothing is cast to the type that it has", () => {
  expect(sources.flatMap(castsToTheSame)).toEqual([]);
});

/** Types of the DOM library for things that Node has too. */
const SHARED_TYPES = ["BufferSource", "AllowSharedBufferSource", "BlobPart", "CompressionFormat"];

test("only web.ts and what it alone imports names things of a page", () => {
  const page = new Set(reach("src/web.ts", imports.web).keys());
  for (const file of reach("src/index.ts", imports.web).keys()) page.delete(file);
  const wrong = sources
    .filter((file) => !page.has(file))
    .flatMap((file) => pageNames(file).map((name) => `${file} uses ${name}`))
    .filter((use) => !SHARED_TYPES.some((name) => use.endsWith(` ${name}`)));
  expect([...new Set(wrong)]).toEqual([]);
});

/** Modules that are kernels: what the entry of `assembly/` exports. Others are parts of them. */
const kernelModules = ts
  .preProcessFile(readFileSync(join(root, "assembly/index.ts"), "utf8"))
  .importedFiles.map(({ fileName }) => fileName.replace("./", ""));

test("a kernel's wrapper has its place and its name", () => {
  const missing = kernelModules.filter((name) => !sources.includes(`src/kernels/${name}.ts`));
  expect(missing.map((name) => `src/kernels/${name}.ts is missing`)).toEqual([]);
  // A folder holds a family: kernels, their wrappers, and what these are made of.
  const family = (name: string) => name.split("/")[0];
  const wrappers = imports.node
    .filter(({ from, to }) => from.startsWith("src/kernels/") && to === "src/runtime/instantiate.ts")
    .map(({ from }) => family(from.slice("src/kernels/".length, -".ts".length)));
  const strangers = wrappers.filter((name) => !kernelModules.some((kernel) => family(kernel) === name));
  expect(strangers.map((name) => `no kernel in assembly/ is called ${name}`)).toEqual([]);
});

test(`kernels take at most ${MOST_ARGUMENTS} arguments, more as a structure (assembly/arguments.ts)`, () => {
  const long = kernelModules.flatMap((name) => {
    const file = `assembly/${name}.ts`;
    return ts
      .createSourceFile(file, readFileSync(join(root, file), "utf8"), ts.ScriptTarget.ES2022)
      .statements.filter((statement) => ts.isFunctionDeclaration(statement))
      .filter(({ modifiers }) => modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword))
      .filter(({ parameters }) => parameters.length > MOST_ARGUMENTS)
      .map((kernel) => `${file}: ${kernel.name?.text} takes ${kernel.parameters.length}`);
  });
  expect(long).toEqual([]);
});

test("what no kernel uses is not in assembly/", () => {
  const reached = new Set(["assembly/index.ts"]);
  for (const file of reached) {
    for (const { fileName } of ts.preProcessFile(readFileSync(join(root, file), "utf8")).importedFiles) {
      reached.add(`${join(dirname(file), fileName)}.ts`);
    }
  }
  expect(filesBelow("assembly").filter((file) => !reached.has(file))).toEqual([]);
});

test("names say what a file is for, in kebab-case", () => {
  const all = [...sources, ...filesBelow("assembly"), ...filesBelow("test"), ...filesBelow("examples")];
  const wrong = all.filter((file) => {
    const name = basename(file, ".ts").replace(/(\.node)?\.test$|\.d$|\.config$/, "");
    return !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) || EMPTY_NAMES.includes(name);
  });
  expect(wrong).toEqual([]);
});

test(`no file is longer than ${LINE_LIMIT} lines`, () => {
  const long = [...sources, ...filesBelow("assembly"), ...filesBelow("test"), ...filesBelow("examples")]
    .map((file) => ({ file, lines: readFileSync(join(root, file), "utf8").split("\n").length - 1 }))
    .filter(({ file, lines }) => lines > (LONGER[file] ?? LINE_LIMIT));
  expect(long.map(({ file, lines }) => `${file} has ${lines} lines`)).toEqual([]);
});
