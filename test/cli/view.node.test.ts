import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode } from "fast-png";
import { OBJLoader } from "three/examples/jsm/loaders/OBJLoader.js";
import { PLYLoader } from "three/examples/jsm/loaders/PLYLoader.js";
import { STLLoader } from "three/examples/jsm/loaders/STLLoader.js";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { formatNifti } from "../../src/io/nifti.js";
import { runCli } from "./run-cli.js";

// Every run starts a process.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let root: string;
const at = (...parts: string[]) => join(root, ...parts);

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "nnprep-view-"));
  mkdirSync(at("labelsTr"));
  mkdirSync(at("imagesTr"));
  const shape = [6, 8, 10] as const;
  // Towards right, anterior, superior, as NIfTI's own axes.
  const geometry = { spacingMm: [3, 1, 2], originMm: [5, 7, -9], direction: [-1, 0, 0, 0, -1, 0, 0, 0, 1] } as const;
  const data = new Uint8Array(480);
  data.fill(1, 2 * 80 + 3 * 10 + 4, 2 * 80 + 3 * 10 + 7);
  data[4 * 80 + 6 * 10 + 1] = 2;
  writeFileSync(at("labelsTr/a.nii.gz"), await formatNifti({ data, shape, geometry }, { gzip: true }));
  const image = Int16Array.from(data, (label, i) => 100 * label + (i % 7));
  writeFileSync(at("imagesTr/a_0000.nii.gz"), await formatNifti({ data: image, shape, geometry }, { gzip: true }));
  const dataset = { name: "T", modality: { "0": "MR" }, labels: { "0": "background", "1": "rod", "2": "dot" } };
  writeFileSync(at("dataset.json"), JSON.stringify({ ...dataset, training: [], test: [] }));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test("a folder with scans: pictures, names, coordinates", async () => {
  const call = ["view", at("labelsTr"), "-i", at("imagesTr"), "-o", at("out"), "--coordinates", "--pane-size", "120"];
  const { code, stdout, stderr } = await runCli(call);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout).toMatch(/1 +rod +3 +0\.0180/);
  expect(readdirSync(at("out")).sort()).toEqual(["a.csv", "a.png", "a_x.txt", "a_y.txt", "a_z.txt"]);
  expect(decode(readFileSync(at("out/a.png"))).width).toBeGreaterThan(480);
  expect(readFileSync(at("out/a.csv"), "utf8")).toBe("label,x,y,z\n1,5,4,3\n1,6,4,3\n1,7,4,3\n2,2,7,5\n");
  expect(readFileSync(at("out/a_x.txt"), "utf8")).toBe("5,6,7,2\n");
  expect(readFileSync(at("out/a_y.txt"), "utf8")).toBe("4,4,4,7\n");
  expect(readFileSync(at("out/a_z.txt"), "utf8")).toBe("3,3,3,5\n");
});

test("surfaces as other programs read them: millimetres, RAS, bodies", async () => {
  for (const ending of ["stl", "obj", "ply"]) {
    const { code } = await runCli(["view", at("labelsTr/a.nii.gz"), "--mesh", at(`mesh/a.${ending}`)]);
    expect(code).toBe(0);
  }
  expect(readdirSync(at("mesh")).sort()).toEqual(["a.obj", "a.ply", "a_1.stl", "a_2.stl"]);
  // Centre of voxel (1, 6, 4) of label 2: NIfTI's x = -5 + 2 * 1, y = -7 + 6, z = -9 + 3 * 4.
  const centre = [-3, -1, 3];
  const check = (values: ArrayLike<number>, from: number) => {
    for (let k = 0; k < 3; k++) {
      const along = Array.from(values).filter((_, i) => i >= from && i % 3 === k);
      expect((Math.min(...along) + Math.max(...along)) / 2).toBeCloseTo(centre[k], 3);
    }
  };
  const bytes = (name: string) => new Uint8Array(readFileSync(at("mesh", name))).buffer;
  const stl = bytes("a_2.stl");
  expect(new TextDecoder().decode(new Uint8Array(stl, 0, 80))).toContain("SPACE=RAS");
  check(new STLLoader().parse(stl).getAttribute("position").array, 0);
  const obj = new OBJLoader().parse(readFileSync(at("mesh/a.obj"), "utf8"));
  expect(obj.children.map(({ name }) => name)).toEqual(["rod", "dot"]);
  const ply = new PLYLoader().parse(bytes("a.ply"));
  const labels = readFileSync(at("mesh/a.ply")).toString("latin1");
  expect(labels).toContain("comment nnprep SPACE=RAS");
  const positions = ply.getAttribute("position").array;
  check(positions, positions.length - 3 * 6);
});

test("what goes wrong is said, and the others go on", async () => {
  writeFileSync(at("bad.nii.gz"), "nonsense");
  const { code, stdout, stderr } = await runCli(["view", at("bad.nii.gz"), at("labelsTr/a.nii.gz"), "-o", at("some")]);
  expect(code).toBe(1);
  expect(stderr).toContain("bad.nii.gz");
  expect(stdout).toContain("a.png");
  expect((await runCli(["view", at("labelsTr/a.nii.gz"), "--label", "7", "-o", at("some")])).stderr).toContain(
    "found: 1, 2",
  );
  expect((await runCli(["view", at("labelsTr/a.nii.gz"), "--mesh", "a.xyz"])).code).toBe(2);
});

test("no picture replaces another, and none comes to lie among a dataset's files", async () => {
  for (const folder of ["one", "two"]) {
    mkdirSync(at(folder));
    writeFileSync(at(folder, "seg.nii.gz"), readFileSync(at("labelsTr/a.nii.gz")));
  }
  const twice = await runCli(["view", at("one/seg.nii.gz"), at("two/seg.nii.gz"), "-o", at("both")]);
  expect([twice.code, twice.stderr]).toEqual([2, expect.stringContaining("would both be written to")]);
  expect(existsSync(at("both"))).toBe(false);
  const here = await runCli(["view", at("labelsTr/a.nii.gz"), "--pane-size", "120"], {}, at("one"));
  expect(here.code).toBe(0);
  expect(readdirSync(at("labelsTr"))).toEqual(["a.nii.gz"]);
  expect(readdirSync(at("one"))).toContain("a.png");
  const within = await runCli(["view", "a.nii.gz"], {}, at("labelsTr"));
  expect(within.stderr).toContain("give -o FOLDER");
  expect(readdirSync(at("labelsTr"))).toEqual(["a.nii.gz"]);
  const named = ["view", at("labelsTr/a.nii.gz"), "-o", at("named/torso.png"), "--coordinates", "--pane-size", "120"];
  expect((await runCli(named)).code).toBe(0);
  expect(readdirSync(at("named")).sort()).toEqual([
    "torso.csv",
    "torso.png",
    "torso_x.txt",
    "torso_y.txt",
    "torso_z.txt",
  ]);
});

test("info of a folder of NIfTI files is about each of them", async () => {
  const { code, stdout } = await runCli(["info", at("imagesTr"), "--json"]);
  const { scans } = JSON.parse(stdout);
  expect([code, scans.length, scans[0].file, scans[0].shape]).toEqual([
    0,
    1,
    at("imagesTr", "a_0000.nii.gz"),
    [10, 8, 6],
  ]);
});
