import type { Cursor, Point } from "./cursor.js";
import { byId } from "./elements.js";
import type { GreyLine } from "./grey-line.js";
import { number } from "./numbers-view.js";
import type { Picture } from "./protocol.js";
import { type Place, Viewers } from "./viewers.js";

const span = (id: string) => byId(id, HTMLSpanElement);
const input = (id: string) => byId(id, HTMLInputElement);

/** The pictures before and after with everything that steers them: place, window, opacity. */
export class PictureCard {
  readonly #viewers: Viewers;
  readonly #sliders = [0, 1, 2].map((i) => input(`at-${i}`));
  #names: ReadonlyMap<number, string> = new Map();
  /** The window that a scan is shown in first. */
  #usual: readonly [number, number] = [0, 1];
  /** What the scan's grey values are in the second picture; null if they are not a line of them. */
  #line: GreyLine | null = { slope: 1, offset: 0 };

  constructor() {
    this.#viewers = new Viewers(
      byId("before", HTMLCanvasElement),
      byId("after", HTMLCanvasElement),
      (position, cursors) => this.#tell(position, cursors),
    );
    for (const slider of this.#sliders) {
      slider.addEventListener("input", () =>
        this.#viewers.move(this.#sliders.map(({ valueAsNumber }) => valueAsNumber) as unknown as Point),
      );
    }
    input("opacity").addEventListener("input", ({ target }) =>
      this.#viewers.setOpacity((target as HTMLInputElement).valueAsNumber),
    );
    for (const id of ["window-low", "window-high"]) input(id).addEventListener("input", () => this.#applyWindow());
    byId("window-usual", HTMLButtonElement).addEventListener("click", () => this.#setWindow(this.#usual));
  }

  /** Names that the cursor tells with a label. */
  setNames(names: ReadonlyMap<number, string>): void {
    this.#names = names;
  }

  /** Shows the scan, in its usual window if the window was not changed for this scan. */
  async before(image: Picture, label: Picture | null, note = ""): Promise<void> {
    this.#usual = image.window;
    byId("sliders", HTMLDivElement).hidden = false;
    await this.#show(0, image, label, note);
    this.#setWindow(image.window);
  }

  /**
   * Shows what became of the scan, in the window of the scan.
   * @param line from the scan's grey values to those of the picture
   */
  async after(image: Picture, label: Picture | null, line: GreyLine | null, note = ""): Promise<void> {
    this.#line = line;
    await this.#show(1, image, label, note);
    this.#applyWindow();
  }

  clear(place: Place): void {
    this.#viewers.clear(place);
    for (const id of ["note", "cursor"]) span(`${place === 0 ? "before" : "after"}-${id}`).textContent = "";
    if (place === 0) byId("sliders", HTMLDivElement).hidden = true;
  }

  /** Pictures are a help: where a browser cannot draw them, the rest of the page still works. */
  async #show(place: Place, image: Picture, label: Picture | null, note: string): Promise<void> {
    const told = span(place === 0 ? "before-note" : "after-note");
    const thin = image.stride === 1 ? "" : `every ${image.stride}. voxel per axis is drawn`;
    try {
      await this.#viewers.show(place, image, label);
      told.textContent = [note, thin].filter((text) => text !== "").join(", ");
    } catch (error) {
      told.textContent = `no picture: ${error instanceof Error ? error.message : String(error)}. The numbers are not affected.`;
    }
  }

  #setWindow([low, high]: readonly [number, number]): void {
    input("window-low").value = number(low);
    input("window-high").value = number(high);
    this.#applyWindow([low, high]);
  }

  #applyWindow(exact?: readonly [number, number]): void {
    const [low, high] = exact ?? [input("window-low").valueAsNumber, input("window-high").valueAsNumber];
    const isWindow = high > low;
    for (const id of ["window-low", "window-high"]) input(id).setAttribute("aria-invalid", String(!isWindow));
    if (!isWindow) return;
    this.#viewers.setWindow(0, [low, high]);
    const line = this.#line;
    if (line === null) {
      span("after-window").textContent = "its own window";
      return;
    }
    const after = [line.slope * low + line.offset, line.slope * high + line.offset] as const;
    this.#viewers.setWindow(1, after);
    const same = line.slope === 1 && line.offset === 0;
    span("after-window").textContent = same ? "" : `the same window: ${number(after[0])} to ${number(after[1])}`;
  }

  #tell(position: Point, cursors: readonly [Cursor | null, Cursor | null]): void {
    this.#sliders.forEach((slider, i) => {
      slider.value = String(position[i]);
    });
    for (const [place, cursor] of cursors.entries()) {
      span(place === 0 ? "before-cursor" : "after-cursor").textContent = cursor === null ? "" : this.#describe(cursor);
    }
  }

  #describe({ voxel, of, value, label }: Cursor): string {
    const place = ["x", "y", "z"].map((axis, i) => `${axis} ${voxel[i]}/${of[i]}`).join(", ");
    const name = label === null || label === 0 ? undefined : this.#names.get(label);
    const part = label === null || label === 0 ? "" : `, label ${label}${name === undefined ? "" : ` ${name}`}`;
    return `${place}: ${number(value)}${part}`;
  }
}
