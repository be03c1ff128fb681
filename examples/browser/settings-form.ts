import { NnprepError, type Vec3 } from "nnprep";
import type { NormalizationScheme } from "nnprep/v1";
import { byId } from "./elements.js";
import { describeSize } from "./numbers-view.js";
import type { OpenedCase, OpenedRecipe, PredictSettings, Settings } from "./protocol.js";

const input = (id: string) => byId(id, HTMLInputElement);
const select = (id: string) => byId(id, HTMLSelectElement);
/** Slowest axis first. */
const SPACINGS = ["spacing-z", "spacing-y", "spacing-x"] as const;

/** The second card: what the user chooses, as settings for the worker. */
export class SettingsForm {
  #opened: OpenedCase | undefined;
  #recipe: OpenedRecipe | undefined;

  constructor() {
    for (const id of SPACINGS) input(id).addEventListener("input", () => this.#update());
    for (const id of ["scheme", "statistics"]) select(id).addEventListener("change", () => this.#update());
    byId("spacing-scan", HTMLButtonElement).addEventListener("click", () => {
      if (this.#opened !== undefined) this.#setSpacing(this.#opened.spacingMm);
    });
    byId("spacing-1", HTMLButtonElement).addEventListener("click", () => this.#setSpacing([1, 1, 1]));
    this.#update();
  }

  /** A scan was opened: its spacing and the kind of its values are good first choices. */
  setScan(opened: OpenedCase | undefined): void {
    this.#opened = opened;
    byId("spacing-scan", HTMLButtonElement).disabled = opened === undefined;
    if (opened !== undefined) {
      this.#setSpacing(opened.spacingMm);
      select("scheme").value = opened.looksLikeCt ? "CT" : "nonCT";
      select("statistics").value = opened.hasLabel ? "label" : "typed";
    }
    this.#update();
  }

  /** Plans or a model were opened: what can be chosen in them takes the place of the fields. */
  setRecipe(recipe: OpenedRecipe | undefined): void {
    this.#recipe = recipe;
    const options = (recipe?.choices ?? []).map(({ value, text }) => new Option(text, value));
    select("choice").replaceChildren(...options);
    select("choice").value = options.at(-1)?.value ?? "";
    const what = recipe?.generation === "v2" ? "Configuration" : "Stage";
    byId("choice-label", HTMLLabelElement).textContent = what;
    byId("recipe-notes", HTMLParagraphElement).textContent = recipe?.notes.join(" ") ?? "";
    const model = recipe?.model ?? null;
    byId("choice-row", HTMLParagraphElement).hidden = recipe === undefined;
    byId("model", HTMLDivElement).hidden = model === null;
    byId("mirroring-row", HTMLLabelElement).hidden = model?.mirrors !== true;
    byId("postprocess-row", HTMLLabelElement).hidden = model?.hasPostprocessing !== true;
    byId("folds-row", HTMLLabelElement).hidden = (model?.folds.length ?? 0) < 2;
    const folds = (model?.folds ?? []).map((name) => new Option(`fold ${name} alone`, name));
    select("folds").replaceChildren(new Option(`mean of all ${folds.length}`, ""), ...folds);
    byId("by-hand", HTMLDivElement).hidden = recipe !== undefined;
  }

  /** How the model is to predict; null without a model. */
  readModel(): PredictSettings | null {
    const model = this.#recipe?.model ?? null;
    if (model === null) return null;
    const fold = select("folds").value;
    return {
      folds: fold === "" ? model.folds : [fold],
      mirroring: model.mirrors && input("mirroring").checked,
      postprocess: model.hasPostprocessing && input("postprocess").checked,
    };
  }

  /** @throws NnprepError INVALID_ARGUMENT that names the field */
  read(): Settings {
    if (this.#recipe !== undefined) return { from: "plans", choice: select("choice").value };
    const scheme = select("scheme").value as NormalizationScheme;
    const typed = (scheme === "CT" || scheme === "CT2") && select("statistics").value === "typed";
    const mask = select("mask").value;
    return {
      from: "form",
      targetSpacingMm: SPACINGS.map((id) => numberIn(id, "target spacing")) as unknown as Vec3,
      scheme,
      useMask: mask === "" ? null : mask === "yes",
      statistics: typed
        ? {
            percentile_00_5: numberIn("low", "0.5 % percentile"),
            percentile_99_5: numberIn("high", "99.5 % percentile"),
            mean: numberIn("mean", "mean"),
            sd: numberIn("sd", "standard deviation"),
          }
        : null,
    };
  }

  #setSpacing(spacing: Vec3): void {
    SPACINGS.forEach((id, axis) => {
      input(id).value = String(Number((spacing[axis] as number).toFixed(4)));
    });
    this.#update();
  }

  #update(): void {
    const scheme = select("scheme").value;
    const needsStatistics = scheme === "CT" || scheme === "CT2";
    const typed = select("statistics").value === "typed";
    byId("ct", HTMLDivElement).hidden = !needsStatistics;
    byId("ct-numbers", HTMLDivElement).hidden = !typed;
    byId("ct-hint", HTMLParagraphElement).textContent = typed
      ? "Numbers of your whole dataset; its plans have them (intensityproperties), and may be given instead."
      : "nnU-Net pools the labelled voxels of all training cases; here there is one.";
    const target = SPACINGS.map((id) => input(id).valueAsNumber);
    const hint = byId("size-hint", HTMLParagraphElement);
    hint.textContent =
      this.#opened === undefined ? "" : (describeSize(this.#opened, target) ?? "An axis would have no voxel left.");
  }
}

function numberIn(id: string, name: string): number {
  const field = input(id);
  if (field.checkValidity() && Number.isFinite(field.valueAsNumber)) {
    field.removeAttribute("aria-invalid");
    return field.valueAsNumber;
  }
  field.setAttribute("aria-invalid", "true");
  field.focus();
  const range =
    field.min === "" ? "a number" : `a number from ${field.min}${field.max === "" ? "" : ` to ${field.max}`}`;
  throw new NnprepError(
    "INVALID_ARGUMENT",
    `${name}: "${field.value}" found, ${range} is expected; correct the field`,
    {
      found: field.value,
      expected: range,
    },
  );
}
