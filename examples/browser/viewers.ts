import type { Niivue, NVImage } from "@niivue/niivue";
import type { Volume } from "nnprep";
import { formatNifti } from "nnprep/io";
import { type Cursor, cursorAt, type Point } from "./cursor.js";
import type { Picture } from "./protocol.js";

/** One colour per label, repeated after the last; chosen to be told apart by people who do not see all colours. */
const COLOURS: readonly (readonly [number, number, number])[] = [
  [0, 158, 115],
  [230, 159, 0],
  [86, 180, 233],
  [204, 121, 167],
  [240, 228, 66],
  [213, 94, 0],
  [0, 114, 178],
  [170, 170, 170],
];

/** The colour of a label value above 0, as CSS. */
export function labelColour(value: number): string {
  return `rgb(${(COLOURS[(value - 1) % COLOURS.length] as readonly number[]).join(" ")})`;
}

/** NiiVue's table of colours: 0 is nothing. */
function colourTable(labelValues: readonly number[]) {
  const numbers = Array.from({ length: 256 }, (_, i) => i);
  const part = (rgb: 0 | 1 | 2) =>
    numbers.map((i) => {
      const value = labelValues[i] ?? i;
      return i === 0 ? 0 : ((COLOURS[(value - 1) % COLOURS.length] as readonly number[])[rgb] as number);
    });
  return {
    R: part(0),
    G: part(1),
    B: part(2),
    A: numbers.map((i) => (i === 0 ? 0 : 255)),
    I: numbers,
    labels: numbers.map((i) => String(labelValues[i] ?? i)),
  };
}

export type Place = 0 | 1;

interface Shown {
  readonly canvas: HTMLCanvasElement;
  niivue: Niivue | undefined;
  image: Picture | undefined;
  label: Picture | null;
}

/** The two pictures, drawn by NiiVue, which is fetched when the first scan is there. Both show the same place. */
export class Viewers {
  readonly #shown: readonly [Shown, Shown];
  #library: Promise<typeof import("@niivue/niivue")> | undefined;
  /** Shares of the first picture's field of view towards right, front and head. */
  #position: Point = [0.5, 0.5, 0.5];
  #opacity = 0.5;

  constructor(
    before: HTMLCanvasElement,
    after: HTMLCanvasElement,
    /** Told where the crosshair is, and what the pictures have there. */
    readonly onMove: (position: Point, cursors: readonly [Cursor | null, Cursor | null]) => void,
  ) {
    this.#shown = [
      { canvas: before, niivue: undefined, image: undefined, label: null },
      { canvas: after, niivue: undefined, image: undefined, label: null },
    ];
  }

  /** Shows a scan with its label in the first or second place. @throws Error when the browser cannot draw in 3-D */
  async show(place: Place, image: Picture, label: Picture | null): Promise<void> {
    this.#library ??= import("@niivue/niivue");
    const { NVImage } = await this.#library;
    const niivue = await this.#niivue(place);
    for (const volume of [...niivue.volumes]) niivue.removeVolume(volume);
    const base = await this.#read(NVImage, "scan", image);
    base.cal_min = image.window[0];
    base.cal_max = image.window[1];
    niivue.addVolume(base);
    if (label !== null) {
      const overlay = await this.#read(NVImage, "label", label);
      // NIfTI's intent "label": voxels are not blended into their neighbours.
      if (overlay.hdr !== null) overlay.hdr.intent_code = 1002;
      overlay.setColormapLabel(colourTable(label.values ?? []));
      overlay.opacity = this.#opacity;
      niivue.addVolume(overlay);
    }
    niivue.updateGLVolume();
    Object.assign(this.#shown[place], { image, label });
    this.#draw();
  }

  clear(place: Place): void {
    const shown = this.#shown[place];
    Object.assign(shown, { image: undefined, label: null });
    if (shown.niivue === undefined) return;
    for (const volume of [...shown.niivue.volumes]) shown.niivue.removeVolume(volume);
    shown.niivue.drawScene();
  }

  /** Where the crosshair is, as shares of the first picture's field of view towards right, front and head. */
  move(position: Point): void {
    this.#position = position;
    this.#draw();
  }

  /** Black and white of a picture. */
  setWindow(place: Place, [low, high]: readonly [number, number]): void {
    const { niivue } = this.#shown[place];
    const volume = niivue?.volumes[0];
    if (niivue === undefined || volume === undefined) return;
    volume.cal_min = low;
    volume.cal_max = high;
    niivue.updateGLVolume();
  }

  setOpacity(opacity: number): void {
    this.#opacity = opacity;
    for (const { niivue } of this.#shown) if ((niivue?.volumes.length ?? 0) > 1) niivue?.setOpacity(1, opacity);
  }

  /** The place of the crosshair in the patient, by the first picture that is there. */
  #place(): Point | null {
    const niivue = this.#shown.find((shown) => shown.niivue !== undefined && shown.image !== undefined)?.niivue;
    if (niivue === undefined) return null;
    const [x, y, z] = niivue.frac2mm(this.#position as never, 0, true) as unknown as Point;
    return [x, y, z];
  }

  #draw(): void {
    const place = this.#place();
    if (place === null) return;
    for (const { niivue, image } of this.#shown) {
      if (niivue === undefined || image === undefined) continue;
      const [x, y, z] = niivue.mm2frac(place as never, 0, true) as unknown as Point;
      const inside = [x, y, z].map((share) => Math.min(1, Math.max(0, share)));
      niivue.scene.crosshairPos = inside as unknown as typeof niivue.scene.crosshairPos;
      niivue.drawScene();
    }
    const [first, second] = this.#shown;
    this.onMove(this.#position, [
      first.image === undefined ? null : cursorAt(place, first.image, first.label),
      second.image === undefined ? null : cursorAt(place, second.image, second.label),
    ]);
  }

  async #read(kind: typeof NVImage, name: string, picture: Picture): Promise<NVImage> {
    const bytes = await formatNifti(picture as Volume, { gzip: false });
    return kind.loadFromFile({ file: new File([bytes], `${name}.nii`), name: `${name}.nii`, colormap: "gray" });
  }

  async #niivue(place: Place): Promise<Niivue> {
    const shown = this.#shown[place];
    if (shown.niivue !== undefined) return shown.niivue;
    this.#library ??= import("@niivue/niivue");
    const { Niivue, SHOW_RENDER, SLICE_TYPE } = await this.#library;
    const niivue = new Niivue({
      backColor: [0.04, 0.05, 0.06, 1],
      crosshairColor: [0.4, 0.75, 0.8, 0.8],
      crosshairWidth: 0.6,
      dragAndDropEnabled: false,
      isRadiologicalConvention: true,
      loadingText: "",
      logLevel: "error",
      // The fourth quadrant is empty otherwise.
      multiplanarShowRender: SHOW_RENDER.ALWAYS,
      sliceType: SLICE_TYPE.MULTIPLANAR,
    });
    await niivue.attachToCanvas(shown.canvas);
    niivue.setMultiplanarLayout(2);
    niivue.onLocationChange = () => {
      const own = niivue.scene.crosshairPos;
      const mm = niivue.frac2mm(own, 0, true) as unknown as Point;
      const first = this.#shown.find(({ image }) => image !== undefined)?.niivue;
      if (first === undefined) return;
      const [x, y, z] = first.mm2frac(mm as never, 0, true) as unknown as Point;
      if ([x, y, z].every((share, i) => Math.abs(share - (this.#position[i] as number)) < 1e-5)) return;
      this.move([x, y, z]);
    };
    shown.niivue = niivue;
    return niivue;
  }
}
