import { NnprepError, type Volume } from "nnprep";
import { formatNifti } from "nnprep/io";
import { makeCt } from "../phantom.js";
import { watchDropZones } from "./drop-zones.js";
import { byId, save } from "./elements.js";
import { checkView, describeScan, numbersView, problemView, restoredView } from "./numbers-view.js";
import type { CaseFiles, OpenedCase, Output, RestoredLabel } from "./protocol.js";
import { SettingsForm } from "./settings-form.js";
import { Viewers } from "./viewers.js";
import { WorkerClient } from "./worker-client.js";

/** The page: what the user does goes to the worker, what it answers to the screen. */

const button = (id: string) => byId(id, HTMLButtonElement);
const status = byId("status", HTMLParagraphElement);
const problem = byId("problem", HTMLDivElement);
const form = byId("form", HTMLFormElement);

const files: { scan: File[]; label: File | null; plans: File | null } = { scan: [], label: null, plans: null };
/** What the worker has: a new one after a cancellation has nothing. */
const loaded = { case: false, plans: false };
let opened: OpenedCase | undefined;
let restored: RestoredLabel | undefined;
let busy = false;

const settings = new SettingsForm();
const client = new WorkerClient((step, share) => {
  byId("progress", HTMLProgressElement).value = share;
  status.textContent = `${step} …`;
});
const sliders = [0, 1, 2].map((i) => byId(`at-${i}`, HTMLInputElement));
const viewers = new Viewers(byId("before", HTMLCanvasElement), byId("after", HTMLCanvasElement), (position) => {
  sliders.forEach((slider, i) => {
    slider.value = String(position[i]);
  });
  viewers.move([...position]);
});

function show(id: string, visible: boolean): void {
  const found = document.getElementById(id);
  if (found !== null) found.hidden = !visible;
}

function setBusy(value: boolean): void {
  busy = value;
  const active = document.activeElement;
  show("progress-row", value);
  show("cancel", value);
  show("prepare", !value);
  button("prepare").disabled = !canPrepare();
  button("clear").disabled = files.scan.length === 0;
  document.body.toggleAttribute("data-busy", value);
  // The button that had the focus is gone: the other one is in its place.
  if (value && active === button("prepare")) button("cancel").focus();
  if (!value && active === button("cancel")) button("prepare").focus();
}

function canPrepare(): boolean {
  // NaN is told and replaced; everything else has to be mended first.
  return opened !== undefined && !opened.findings.some((f) => f.severity === "error" && f.kind !== "nan-voxels");
}

/** Runs one thing at a time, shows what it is about and what went wrong. */
async function run(done: string, work: () => Promise<void>): Promise<void> {
  if (busy) return;
  problem.replaceChildren();
  setBusy(true);
  try {
    await work();
    status.textContent = done;
  } catch (error) {
    const code = error instanceof NnprepError ? error.code : "";
    const aborted = code === "ABORTED";
    // The worker took the case with it; what is on the screen stays.
    if (aborted || code === "WORKER_DIED") loaded.case = loaded.plans = false;
    status.textContent = aborted ? "Cancelled." : "That did not work: see the message.";
    if (!aborted) {
      problem.replaceChildren(problemView(error as Error));
      problem.scrollIntoView({ block: "nearest" });
    }
  } finally {
    setBusy(false);
  }
}

function forget(what: "case" | "result"): void {
  if (what === "case") {
    opened = undefined;
    settings.setScan(undefined);
    viewers.clear(0);
    show("findings", false);
    show("sliders", false);
    byId("before-note", HTMLSpanElement).textContent = "";
  }
  restored = undefined;
  viewers.clear(1);
  for (const id of ["numbers", "save", "restore", "restored"]) show(id, false);
  byId("after-note", HTMLSpanElement).textContent = "";
  byId("segmentation-name", HTMLOutputElement).textContent = "";
}

/** Pictures are a help: where a browser cannot draw them, the rest of the page still works. */
async function draw(place: 0 | 1, ...pictures: Parameters<Viewers["show"]> extends [unknown, ...infer R] ? R : never) {
  const note = byId(place === 0 ? "before-note" : "after-note", HTMLSpanElement);
  try {
    await viewers.show(place, ...pictures);
    const [{ stride }] = pictures;
    note.textContent = stride === 1 ? "" : `every ${stride}. voxel per axis is drawn`;
  } catch (error) {
    note.textContent = `no picture: ${error instanceof Error ? error.message : String(error)}. The numbers are not affected.`;
  }
}

function caseFiles(): CaseFiles {
  return { scans: files.scan, label: files.label, pipelinesUrl: new URL("pipelines", document.baseURI).href };
}

async function open(): Promise<void> {
  const { scan, label } = files;
  byId("scan-name", HTMLOutputElement).textContent = describeFiles(scan);
  byId("label-name", HTMLOutputElement).textContent = label === null ? "" : describeFiles([label]);
  if (scan.length === 0) {
    status.textContent = "Now choose the scan.";
    return;
  }
  await run("Read and checked. Choose the settings, then prepare.", async () => {
    forget("case");
    forget("result");
    loaded.case = false;
    opened = await client.ask("open", caseFiles());
    loaded.case = true;
    settings.setScan(opened);
    byId("scan-name", HTMLOutputElement).textContent = `${describeFiles(scan)}: ${describeScan(opened)}`;
    byId("findings-body", HTMLDivElement).replaceChildren(...checkView(opened));
    show("findings", true);
    show("sliders", true);
    byId("before", HTMLCanvasElement).setAttribute(
      "aria-label",
      `Three slices of the scan ${opened.name}, ${describeScan(opened)}`,
    );
    await draw(0, opened.image, opened.label);
  });
}

function describeFiles(list: readonly File[]): string {
  const [first] = list;
  return list.length > 1 ? `${list.length} files, ${first?.name} …` : (first?.name ?? "");
}

async function prepare(): Promise<void> {
  await run("Prepared.", async () => {
    const chosen = settings.read();
    forget("result");
    await loadAgain();
    const prepared = await client.ask("prepare", chosen);
    byId("numbers-body", HTMLDivElement).replaceChildren(...numbersView(prepared));
    for (const id of ["numbers", "save", "restore"]) show(id, true);
    show("restore-own", prepared.label !== null);
    (document.querySelector('[data-output="label"]') as HTMLElement).hidden = prepared.label === null;
    const canvas = byId("after", HTMLCanvasElement);
    canvas.setAttribute(
      "aria-label",
      `Three slices of the prepared scan, ${[...prepared.shapes.prepared].reverse().join(" × ")} voxels`,
    );
    await draw(1, prepared.image, prepared.label);
  });
}

async function loadAgain(): Promise<void> {
  if (!loaded.case) await client.ask("open", caseFiles());
  loaded.case = true;
  if (files.plans !== null && !loaded.plans) await client.ask("plans", files.plans);
  loaded.plans = files.plans !== null;
}

async function openPlans(file: File): Promise<void> {
  await run("The plans are read.", async () => {
    files.plans = null;
    settings.setPlans(undefined);
    byId("plans-name", HTMLOutputElement).textContent = "";
    settings.setPlans(await client.ask("plans", file));
    files.plans = file;
    loaded.plans = true;
    byId("plans-name", HTMLOutputElement).textContent = file.name;
  });
}

/** A scan and the plans for it may be dropped together. */
async function openScanAndPlans(chosen: readonly File[]): Promise<void> {
  const [plans] = chosen.filter(({ name }) => /\.pkl$/i.test(name));
  const scans = chosen.filter(({ name }) => !/\.pkl$/i.test(name));
  if (scans.length > 0) {
    files.scan = scans;
    await open();
  }
  // What was wrong with the scan shall stay on the screen.
  if (plans !== undefined && (scans.length === 0 || opened !== undefined)) await openPlans(plans);
}

async function restore(file: File | null): Promise<void> {
  byId("segmentation-name", HTMLOutputElement).textContent = file?.name ?? "";
  await run("The segmentation is back on the scan.", async () => {
    show("restored", false);
    restored = await client.ask("restore", file);
    byId("restored-body", HTMLDivElement).replaceChildren(...restoredView(restored));
    show("restored", true);
    if (opened !== undefined) await draw(0, opened.image, restored.picture);
    byId("before-note", HTMLSpanElement).textContent = "with the segmentation that came back";
  });
}

async function makePhantom(): Promise<void> {
  const { images, label } = makeCt({ shape: [48, 160, 160], spacingMm: [3, 1.25, 1.25] }, 7);
  files.scan = [new File([await formatNifti(images[0] as Volume, { gzip: true })], "phantom_0000.nii.gz")];
  files.label = new File([await formatNifti(label, { gzip: true })], "phantom.nii.gz");
  await open();
}

watchDropZones((field, chosen) => {
  if (busy) return;
  if (field === "scan") {
    void openScanAndPlans(chosen);
  } else if (field === "label") {
    files.label = chosen[0] as File;
    void open();
  } else if (field === "plans") {
    void openPlans(chosen[0] as File);
  } else void restore(chosen[0] as File);
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (canPrepare()) void prepare();
});
button("cancel").addEventListener("click", () => client.cancel());
button("phantom").addEventListener("click", () => void makePhantom());
button("clear").addEventListener("click", () => {
  if (busy) return;
  files.scan = [];
  files.label = null;
  files.plans = null;
  settings.setPlans(undefined);
  problem.replaceChildren();
  forget("case");
  forget("result");
  for (const id of ["scan-name", "label-name", "plans-name"]) byId(id, HTMLOutputElement).textContent = "";
  setBusy(false);
  status.textContent = "Choose a scan to begin.";
});
button("restore-own").addEventListener("click", () => void restore(null));
button("save-restored").addEventListener("click", () => {
  if (restored !== undefined) save(restored.name, restored.blob);
});
for (const part of document.querySelectorAll<HTMLElement>("[data-output]")) {
  part.addEventListener("click", () =>
    run("Saved.", async () => {
      const { name, blob } = await client.ask("output", part.dataset.output as Output);
      save(name, blob);
    }),
  );
}
for (const slider of sliders) {
  slider.addEventListener("input", () =>
    viewers.move(sliders.map(({ valueAsNumber }) => valueAsNumber) as [number, number, number]),
  );
}
byId("opacity", HTMLInputElement).addEventListener("input", ({ target }) =>
  viewers.setOpacity((target as HTMLInputElement).valueAsNumber),
);
byId("theme", HTMLSelectElement).addEventListener("change", ({ target }) => {
  document.documentElement.dataset.theme = (target as HTMLSelectElement).value;
});
byId("threads", HTMLLIElement).textContent = crossOriginIsolated
  ? `${Math.min(8, navigator.hardwareConcurrency)} threads`
  : "One thread: the page is not isolated";
