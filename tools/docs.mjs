/**
 * One static site in build/site: the guides, the reference of the public names, and the page of examples/browser to try.
 * `npm run docs` builds it and follows every link. It can lie in any folder of any web server.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Application } from "typedoc";
import { build } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));
const site = join(root, "build/site");
/** README shows its picture on other sites too, hence by its address. */
const PICTURE = "https://raw.githubusercontent.com/nnprep/nnprep/main/docs/view.png";

/** Guides are listed by their headings, in the order of typedoc.json. */
async function writeReference() {
  const app = await Application.bootstrapWithPlugins({ options: join(root, "typedoc.json") });
  const project = await app.convert();
  if (project === undefined) throw new Error("typedoc: the sources cannot be read");
  for (const guide of project.documents ?? []) {
    const heading = guide.content[0]?.text.match(/^# (.*)\n/);
    if (heading === null || heading === undefined) throw new Error(`${guide.name}: a guide begins with a heading`);
    guide.name = heading[1];
  }
  app.validate(project);
  await app.generateOutputs(project);
  if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exit(1);
}

function pagesBelow(folder) {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".html"))
    .map((name) => join(folder, name));
}

/** Links that typedoc cannot know: the demo, and README's picture. */
function placeLinks() {
  mkdirSync(join(site, "media"), { recursive: true });
  copyFileSync(join(root, "docs/view.png"), join(site, "media/view.png"));
  for (const page of pagesBelow(site)) {
    const top = relative(dirname(page), site) || ".";
    const text = readFileSync(page, "utf8");
    writeFileSync(
      page,
      text.replaceAll(PICTURE, `${top}/media/view.png`).replaceAll('"demo:"', `"${top}/demo/index.html"`),
    );
  }
}

/** Every address in `page` that leads to no file of the site, or to no place in it. */
function brokenLinks(page, textOf) {
  const text = textOf(page);
  const links = [...text.matchAll(/\s(?:href|src)="([^"]*)"/g)].map(([, link]) => link.replaceAll("&amp;", "&"));
  return links.filter((link) => {
    if (/^(https?|data|mailto):/.test(link)) return false;
    const [path, place] = link.split("#");
    const target = path === "" ? page : resolve(dirname(page), decodeURIComponent(path.split("?")[0]));
    if (!existsSync(target)) return true;
    return place !== undefined && place !== "" && target.endsWith(".html") && !textOf(target).includes(`id="${place}"`);
  });
}

function checkLinks() {
  const texts = new Map();
  const textOf = (page) => {
    if (!texts.has(page)) texts.set(page, readFileSync(page, "utf8"));
    return texts.get(page);
  };
  const pages = pagesBelow(site);
  const broken = pages.flatMap((page) => brokenLinks(page, textOf).map((link) => `${relative(site, page)}: ${link}`));
  if (broken.length > 0) throw new Error(`links that lead nowhere:\n${broken.join("\n")}`);
  console.log(`${pages.length} pages in build/site, all links lead somewhere`);
}

rmSync(site, { recursive: true, force: true });
await writeReference();
await build({
  root: join(root, "examples/browser"),
  configFile: join(root, "examples/browser/vite.config.ts"),
  logLevel: "error",
  build: { outDir: join(site, "demo"), emptyOutDir: true },
});
placeLinks();
checkLinks();
