import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { IDENTITY_GEOMETRY, type Shape3, type VoxelArray } from "../../src/core/volume.js";
import { formatNifti } from "../../src/io/nifti-writer.js";
import models from "../golden/networks/models.json";
import { decode } from "../golden.js";
import { complete } from "../inference/example-model.js";

/** Each function of every day has an example in its docstring: it compiles and runs, in a folder with small files. */

const root = fileURLToPath(new URL("../..", import.meta.url));
// Inside of the repository, where "nnprep" is the package itself.
const place = join(root, ".cache/examples");
const options: ts.CompilerOptions = {
  ...ts.parseJsonConfigFileContent(ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile).config, ts.sys, root)
    .options,
  rootDir: root,
  noEmit: true,
};

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** Everyday functions by name, each with the code of its examples. */
function readExamples(): [name: string, code: string][] {
  const program = ts.createProgram([join(root, "src/node.ts")], options);
  const checker = program.getTypeChecker();
  const entry = checker.getSymbolAtLocation(program.getSourceFile(join(root, "src/node.ts")) as ts.SourceFile);
  return checker.getExportsOfModule(entry as ts.Symbol).flatMap((symbol): [string, string][] => {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    if (!(target.flags & ts.SymbolFlags.Function)) return [];
    const text = target
      .getJsDocTags(checker)
      .filter(({ name }) => name === "example")
      .map(({ text }) => ts.displayPartsToString(text))
      .join("\n");
    return [[symbol.name, /```ts\n(.*?)```/s.exec(text)?.[1] ?? ""]];
  });
}

const examples = readExamples();

const SHAPE: Shape3 = [5, 7, 9];
const volume = (data: VoxelArray) =>
  formatNifti({ data, shape: SHAPE, geometry: { ...IDENTITY_GEOMETRY, spacingMm: [2, 1, 1] } }, { gzip: true });

/** What the examples read: a case of two channels, its label, a prediction, a model of two folds with its documents. */
async function writeFiles(folder: string): Promise<void> {
  const files = Object.entries(complete()).map(([path, bytes]): [string, Uint8Array] => [
    path.replace("m/", "model/"),
    path.endsWith(".onnx") ? decode<Uint8Array>(models["three axes"]) : bytes,
  ]);
  const voxels = (valueAt: (i: number) => number) => volume(Int16Array.from({ length: 315 }, (_, i) => valueAt(i)));
  files.push(
    ["t2.nii.gz", await voxels((i) => (i % 3) - 1)],
    ["t1.nii.gz", await voxels((i) => 1 + (i % 50))],
    ["label.nii.gz", await voxels((i) => (i > 60 && i < 200 ? 1 + (i % 2) : 0))],
    ["prediction.nii.gz", await voxels((i) => (i > 70 && i < 210 ? 1 + (i % 2) : 0))],
    ["nnUNetPlans.json", complete()["m/plans.json"]],
    ["dataset.json", complete()["m/dataset.json"]],
  );
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}

let folder: string;
const before = process.cwd();
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "nnprep-examples-"));
  await writeFiles(folder);
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  for (const [name, code] of examples) writeFileSync(join(place, `${name}.mts`), code);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("every function of every day has an example", () => {
  expect(examples.length).toBeGreaterThan(20);
  expect(examples.filter(([, code]) => code === "").map(([name]) => name)).toEqual([]);
});

test("the examples compile", () => {
  const program = ts.createProgram(
    examples.map(([name]) => join(place, `${name}.mts`)),
    options,
  );
  const wrong = ts
    .getPreEmitDiagnostics(program)
    .map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`);
  expect(wrong).toEqual([]);
});

test.each(examples)("the example of %s runs", async (name, code) => {
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
  });
  const file = join(place, `${name}.mjs`);
  writeFileSync(file, outputText);
  const said = vi.spyOn(console, "log").mockReturnValue();
  process.chdir(folder);
  try {
    await import(/* @vite-ignore */ pathToFileURL(file).href);
  } finally {
    process.chdir(before);
    said.mockRestore();
  }
});
