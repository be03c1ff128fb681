import { NnprepError, type Volume } from "nnprep";
import { formatNifti } from "nnprep/io";
import { makeCt } from "../phantom.js";
import { watchDropZones } from "./drop-zones.js";
import { byId, save } from "./elements.js";
import { describeScan, numbersView, segmentationView } from "./numbers-view.js";
import { PictureCard } from "./picture-card.js";
import { checkView, problemView, type Remedies } from "./problem-view.js";
import type { Allowance, CaseFiles, OpenedCase, Output, PathFile, PreparedCase, RestoredLabel } from "./protocol.js";
import { SettingsForm } from "./settings-form.js";
import { WorkerClient } from "./worker-client.js";

/** The page: what the user does goes to the worker, what it answers to the screen. */

const button = (id: string) => byId(id, HTMLButtonElement);
const output = (id: string) => byId(id, HTMLOutputElement);
const status = byId("status", HTMLParagraphElement);
const problem = byId("problem", HTMLDivElement);

interface Given {
  scan: readonly PathFile[];
  label: PathFile | null;
  plans: readonly PathFile[];
  /** What is accepted of this scan although it is doubtful, and which of its series was chosen. */
  allow: readonly Allowance[];
  series: string | null;
}

const given: Given = { scan: [], label: null, plans: [], allow: [], series: null };
/** What the worker has: a new one after a cancellation has nothing. */
const loaded = { case: false, plans: false };
let opened: OpenedCase | undefined;
let prepared: PreparedCase | undefined;
let restored: RestoredLabel | undefined;
let predicted: RestoredLabel | undefined;
/** plans.json or dataset.json that waits for the other one. */
let half: readonly PathFile[] = [];
let busy = false;
/** The scan's own grey values. */
const UNCHANGED = { slope: 1, offset: 0 };

const settings = new SettingsForm();
const pictures = new PictureCard();
const client = new WorkerClient((step, share) => {
  byId("progress", HTMLProgressElement).value = share;
  status.textContent = `${step} …`;
});

const remedies: Remedies = {
  allow(options) {
    given.allow = [...new Set([...given.allow, ...options])];
    void open();
  },
  chooseSeries(id) {
    given.series = id;
    void open();
  },
  useAsLabel() {
    if (busy) return;
    given.label = given.scan[0] ?? null;
    given.scan = [];
    forget("case");
    forget("result");
    void open();
    setBusy(false);
  },
};

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
  show("predict", !value && settings.readModel() !== null);
  button("prepare").disabled = button("predict").disabled = !canPrepare();
  button("clear").disabled = given.scan.length === 0 && given.label === null && given.plans.length === 0;
  document.body.toggleAttribute("data-busy", value);
  // The button that had the focus is gone: the other one is in its place.
  if (value && (active === button("prepare") || active === button("predict"))) button("cancel").focus();
  if (!value && active === button("cancel")) button(button("predict").hidden ? "prepare" : "predict").focus();
}

function canPrepare(): boolean {
  // NaN is told and replaced; everything else has to be mended first.
  return opened !== undefined && !opened.findings.some((f) => f.severity === "error" && f.kind !== "nan-voxels");
}

/** Runs one thing at a time, shows what it is about and what went wrong. */
async function run(work: () => Promise<string>): Promise<void> {
  if (busy) return;
  problem.replaceChildren();
  setBusy(true);
  try {
    status.textContent = await work();
  } catch (error) {
    const code = error instanceof NnprepError ? error.code : "";
    const aborted = code === "ABORTED";
    // The worker took the case with it; what is on the screen stays.
    if (aborted || code === "WORKER_DIED") loaded.case = loaded.plans = false;
    status.textContent = aborted ? "Cancelled." : "That did not work: see the message.";
    if (!aborted) {
      problem.replaceChildren(problemView(error as Error, remedies));
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
    pictures.clear(0);
    show("findings", false);
  }
  prepared = undefined;
  restored = undefined;
  predicted = undefined;
  pictures.clear(1);
  for (const id of ["prediction", "numbers", "save", "restore", "restored"]) show(id, false);
  output("segmentation-name").textContent = "";
}

function caseFiles(): CaseFiles {
  const { scan: scans, label, allow, series } = given;
  return { scans, label, allow, series, pipelinesUrl: new URL("pipelines", document.baseURI).href };
}

function describeFiles(list: readonly PathFile[]): string {
  const [first] = list;
  return list.length > 1 ? `${list.length} files, ${first?.path} …` : (first?.path ?? "");
}

async function open(): Promise<void> {
  const { scan, label } = given;
  output("scan-name").textContent = describeFiles(scan);
  output("label-name").textContent = label === null ? "" : label.path;
  if (scan.length === 0) {
    status.textContent = "Now choose the scan.";
    return;
  }
  await run(async () => {
    forget("case");
    forget("result");
    loaded.case = false;
    opened = await client.ask("open", caseFiles());
    loaded.case = true;
    settings.setScan(opened);
    output("scan-name").textContent = `${describeFiles(scan)}: ${describeScan(opened)}`;
    byId("findings-body", HTMLDivElement).replaceChildren(...checkView(opened, remedies));
    show("findings", true);
    byId("channel", HTMLSelectElement).replaceChildren(
      ...Array.from({ length: opened.channels }, (_, c) => new Option(String(c), String(c))),
    );
    show("channel-row", opened.channels > 1);
    byId("before", HTMLCanvasElement).setAttribute(
      "aria-label",
      `Three slices of the scan ${opened.name}, ${describeScan(opened)}`,
    );
    await pictures.before(opened.image, opened.label);
    return canPrepare()
      ? "Read and checked. Choose the settings, then prepare."
      : "Read and checked: something has to be mended first, see below the pictures.";
  });
}

async function prepare(): Promise<void> {
  await run(async () => {
    const chosen = settings.read();
    forget("result");
    await loadAgain();
    prepared = await client.ask("prepare", chosen);
    const { generation, label } = prepared;
    byId("numbers-body", HTMLDivElement).replaceChildren(...numbersView(prepared));
    for (const id of ["numbers", "save", "restore"]) show(id, true);
    describeOutputs(generation, label !== null);
    byId("after", HTMLCanvasElement).setAttribute(
      "aria-label",
      `Three slices of the prepared scan, ${[...prepared.shapes.prepared].reverse().join(" × ")} voxels`,
    );
    pictures.setNames(new Map(prepared.labels.map(({ value, name }) => [value, name])));
    await pictures.after(prepared.image, label, prepared.line);
    return "Prepared.";
  });
}

async function predict(): Promise<void> {
  await run(async () => {
    const chosen = settings.readModel();
    if (chosen === null) return "Choose a model first.";
    forget("result");
    await loadAgain();
    const start = performance.now();
    const found = await client.ask("predict", chosen);
    const seconds = Math.round((performance.now() - start) / 1000);
    predicted = found;
    byId("prediction-body", HTMLDivElement).replaceChildren(...segmentationView("Label of the scan", found));
    show("prediction", true);
    byId("after", HTMLCanvasElement).setAttribute("aria-label", "Three slices of the scan with the predicted label");
    pictures.setNames(new Map(found.labels.map(({ value, name }) => [value, name])));
    if (opened !== undefined) await pictures.after(opened.image, found.picture, UNCHANGED, "the predicted label");
    return `Predicted in ${seconds} s.`;
  });
}

/** What can be saved and brought back, which is not the same in both generations. */
function describeOutputs(generation: "v1" | "v2", hasLabel: boolean): void {
  const isV2 = generation === "v2";
  button("save-arrays").textContent = isV2 ? "Scan (.b2nd)" : "Arrays (.npz)";
  show("save-seg", isV2 && hasLabel);
  show("save-label", hasLabel);
  show("restore-own", hasLabel);
  byId("save-hint", HTMLSpanElement).textContent = isV2
    ? ".b2nd and .pkl are what nnU-Net v2 trains from."
    : ".npz and .pkl are what nnU-Net v1 trains from.";
  byId("segmentation-hint", HTMLSpanElement).textContent = isV2
    ? "NIfTI of the same shape, or the network's logits (.npz)."
    : "NIfTI of the same shape, or nnU-Net's softmax (.npz).";
}

async function loadAgain(): Promise<void> {
  if (!loaded.case) await client.ask("open", caseFiles());
  loaded.case = true;
  if (given.plans.length > 0 && !loaded.plans) await client.ask("recipe", given.plans);
  loaded.plans = given.plans.length > 0;
}

const isJson = ({ path }: PathFile) => /\.json$/i.test(path);

/** plans.json and dataset.json may come one after the other: the second completes the first. */
function withHalf(chosen: readonly PathFile[]): readonly PathFile[] {
  const kept = chosen.every(isJson) ? half : [];
  return [...kept.filter(({ path }) => !chosen.some((one) => one.path === path)), ...chosen];
}

async function openPlans(chosen: readonly PathFile[]): Promise<void> {
  const all = withHalf(chosen);
  half = [];
  await run(async () => {
    settings.setRecipe(undefined);
    output("plans-name").textContent = "";
    given.plans = [];
    loaded.plans = false;
    try {
      const recipe = await client.ask("recipe", all);
      settings.setRecipe(recipe);
      output("plans-name").textContent = `${recipe.name}: nnU-Net ${recipe.generation}`;
    } catch (error) {
      // One of two files: the other may follow.
      if (error instanceof NnprepError && Array.isArray(error.detail.missing)) half = all;
      throw error;
    }
    given.plans = all;
    loaded.plans = true;
    return given.plans.length > 0 && settings.readModel() !== null ? "The model is read." : "The plans are read.";
  });
}

/** A scan and the plans for it may be dropped together. */
async function openScanAndPlans(chosen: readonly PathFile[]): Promise<void> {
  const isPlans = ({ path }: PathFile) => /\.(pkl|json|onnx|pth)$/i.test(path);
  const isModel = chosen.some(({ path }) => /\.onnx$/i.test(path));
  const plans = isModel ? chosen : chosen.filter(isPlans);
  const scans = chosen.filter((file) => !plans.includes(file));
  if (scans.length > 0) {
    Object.assign(given, { scan: scans, allow: [], series: null });
    await open();
  }
  // What was wrong with the scan shall stay on the screen.
  if (plans.length > 0 && (scans.length === 0 || opened !== undefined)) await openPlans(plans);
}

async function restore(file: PathFile | null): Promise<void> {
  output("segmentation-name").textContent = file?.path ?? "";
  await run(async () => {
    show("restored", false);
    restored = await client.ask("restore", file);
    byId("restored-body", HTMLDivElement).replaceChildren(...segmentationView("Segmentation on the scan", restored));
    show("restored", true);
    if (opened !== undefined) {
      await pictures.before(opened.image, restored.picture, "with the segmentation that came back");
    }
    return "The segmentation is back on the scan.";
  });
}

async function showChannel(channel: number): Promise<void> {
  await run(async () => {
    await loadAgain();
    const { before, after } = await client.ask("channel", channel);
    await pictures.before(before, opened?.label ?? null);
    if (opened !== undefined) opened = { ...opened, image: before };
    if (after !== null) await pictures.after(after.image, prepared?.label ?? null, after.line);
    if (predicted !== undefined) await pictures.after(before, predicted.picture, UNCHANGED, "the predicted label");
    return `Channel ${channel}.`;
  });
}

async function makePhantom(): Promise<void> {
  const { images, label } = makeCt({ shape: [48, 160, 160], spacingMm: [3, 1.25, 1.25] }, 7);
  const file = async (name: string, volume: Volume): Promise<PathFile> => ({
    path: name,
    file: new File([await formatNifti(volume, { gzip: true })], name),
  });
  given.label = await file("phantom.nii.gz", label);
  Object.assign(given, { scan: [await file("phantom_0000.nii.gz", images[0] as Volume)], allow: [], series: null });
  await open();
}

watchDropZones((field, chosen) => {
  if (busy) return;
  const [first = null] = chosen;
  if (field === "scan") {
    void openScanAndPlans(chosen);
  } else if (field === "label") {
    given.label = first;
    void open();
  } else if (field === "plans") {
    void openPlans(chosen);
  } else void restore(first);
});

byId("form", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  if (canPrepare()) void prepare();
});
button("predict").addEventListener("click", () => void predict());
button("cancel").addEventListener("click", () => client.cancel());
button("phantom").addEventListener("click", () => void makePhantom());
button("clear").addEventListener("click", () => {
  if (busy) return;
  Object.assign(given, { scan: [], label: null, plans: [], allow: [], series: null });
  settings.setRecipe(undefined);
  problem.replaceChildren();
  forget("case");
  forget("result");
  for (const id of ["scan-name", "label-name", "plans-name"]) output(id).textContent = "";
  setBusy(false);
  status.textContent = "Choose a scan to begin.";
});
button("restore-own").addEventListener("click", () => void restore(null));
button("save-prediction").addEventListener("click", () => {
  if (predicted !== undefined) save(predicted.name, predicted.blob);
});
button("save-restored").addEventListener("click", () => {
  if (restored !== undefined) save(restored.name, restored.blob);
});
for (const part of document.querySelectorAll<HTMLElement>("[data-output]")) {
  part.addEventListener("click", () =>
    run(async () => {
      const { name, blob } = await client.ask("output", part.dataset.output as Output);
      save(name, blob);
      return "Saved.";
    }),
  );
}
byId("channel", HTMLSelectElement).addEventListener("change", ({ target }) => {
  void showChannel(Number((target as HTMLSelectElement).value));
});
byId("theme", HTMLSelectElement).addEventListener("change", ({ target }) => {
  document.documentElement.dataset.theme = (target as HTMLSelectElement).value;
});
byId("threads", HTMLLIElement).textContent = crossOriginIsolated
  ? `${Math.min(8, navigator.hardwareConcurrency)} threads`
  : "One thread (not isolated)";
