import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test, vi } from "vitest";

/** The public face: which names there are, that each says what it is, and that none is `any`. */

const root = fileURLToPath(new URL("..", import.meta.url));

// The TypeScript compiler reads all of the sources: seconds on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

/** The package's entries: what a snapshot is called, and its file. A name of Node's entry only is marked there. */
const ENTRIES: Readonly<Record<string, { readonly anywhere: string; readonly inNode?: string }>> = {
  nnprep: { anywhere: "src/index.ts", inNode: "src/node.ts" },
  io: { anywhere: "src/public/io.ts" },
  steps: { anywhere: "src/public/steps.ts" },
  view: { anywhere: "src/public/view.ts" },
  dataset: { anywhere: "src/public/dataset.ts", inNode: "src/public/dataset-node.ts" },
  inference: { anywhere: "src/public/inference.ts" },
  v1: { anywhere: "src/public/v1.ts" },
  v2: { anywhere: "src/public/v2.ts" },
};
const entryFiles = Object.values(ENTRIES).flatMap(({ anywhere, inNode }) => [anywhere, ...(inNode ? [inNode] : [])]);

const program = ts.createProgram(
  [...entryFiles, "src/web.ts"].map((file) => join(root, file)),
  {
    ...ts.parseJsonConfigFileContent(
      ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile).config,
      ts.sys,
      root,
    ).options,
    noEmit: true,
  },
);
const checker = program.getTypeChecker();

/** Exported names of an entry file, each with what it is: a value, or a type only. */
function publicNames(file: string): string[] {
  const source = program.getSourceFile(join(root, file)) as ts.SourceFile;
  const module = checker.getSymbolAtLocation(source) as ts.Symbol;
  return checker
    .getExportsOfModule(module)
    .map((symbol) => {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      return `${target.flags & ts.SymbolFlags.Value ? "value" : "type "} ${symbol.name}`;
    })
    .sort();
}

test.each(Object.entries(ENTRIES))(
  "the public names of %s are the listed ones (vitest -u after a wanted change, with a line in CHANGELOG.md)",
  async (entry, { anywhere, inNode }) => {
    const names = publicNames(anywhere);
    const more = inNode === undefined ? [] : publicNames(inNode).filter((name) => !names.includes(name));
    const listing = [...names, ...more.map((name) => `${name} (Node)`)].sort();
    await expect(`${listing.join("\n")}\n`).toMatchFileSnapshot(`public-names/${entry}.txt`);
  },
);

test("a page has every name of index, and no other", () => {
  expect(publicNames("src/web.ts")).toEqual(publicNames("src/index.ts"));
});

test("every public name says what it is", () => {
  const silent = entryFiles.flatMap((file) => {
    const source = program.getSourceFile(join(root, file)) as ts.SourceFile;
    return checker.getExportsOfModule(checker.getSymbolAtLocation(source) as ts.Symbol).flatMap((symbol) => {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      const said = target.getDocumentationComment(checker).length > 0;
      return said ? [] : [`${target.declarations?.[0]?.getSourceFile().fileName.slice(root.length)}: ${symbol.name}`];
    });
  });
  expect([...new Set(silent)]).toEqual([]);
});

test("nothing public is any", () => {
  const wrong = entryFiles.flatMap((file) => {
    const source = program.getSourceFile(join(root, file)) as ts.SourceFile;
    return checker.getExportsOfModule(checker.getSymbolAtLocation(source) as ts.Symbol).flatMap((symbol) => {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      const declaration = target.declarations?.[0];
      if (declaration === undefined) return [`${symbol.name} has no declaration`];
      const type = checker.typeToString(
        checker.getTypeOfSymbolAtLocation(target, declaration),
        undefined,
        ts.TypeFormatFlags.NoTruncation,
      );
      return target.flags & ts.SymbolFlags.Value && /\bany\b/.test(type)
        ? [`${relative(root, resolve(declaration.getSourceFile().fileName))}: ${symbol.name} is ${type}`]
        : [];
    });
  });
  expect(wrong).toEqual([]);
});
