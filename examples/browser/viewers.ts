import type { Niivue, NVImage } from "@niivue/niivue";
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

/** NiiVue's table of colours: 0 is nothing. */
function labelColours() {
  const values = Array.from({ length: 256 }, (_, i) => i);
  const part = (rgb: 0 | 1 | 2) =>
    values.map((i) => (i === 0 ? 0 : ((COLOURS[(i - 1) % COLOURS.length] as readonly number[])[rgb] as number)));
  return {
    R: part(0),
    G: part(1),
    B: part(2),
    A: values.map((i) => (i === 0 ? 0 : 255)),
    I: values,
    labels: values.map(String),
  };
}

interface Shown {
  readonly canvas: HTMLCanvasElement;
  niivue: Niivue | undefined;
}

/** The two pictures, drawn by NiiVue, which is fetched when the first scan is there. */
export class Viewers {
  readonly #shown: readonly [Shown, Shown];
  #library: Promise<typeof import("@niivue/niivue")> | undefined;
  #position: [number, number, number] = [0.5, 0.5, 0.5];
  #opacity = 0.5;

  constructor(
    before: HTMLCanvasElement,
    after: HTMLCanvasElement,
    readonly onMove: (position: readonly [number, number, number]) => void,
  ) {
    this.#shown = [
      { canvas: before, niivue: undefined },
      { canvas: after, niivue: undefined },
    ];
  }

  /** Shows a scan with its label in the first or second place. @throws Error when the browser cannot draw in 3-D */
  async show(place: 0 | 1, image: Picture, label: Picture | null): Promise<void> {
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
      overlay.setColormapLabel(labelColours());
      overlay.opacity = this.#opacity;
      niivue.addVolume(overlay);
    }
    niivue.updateGLVolume();
    this.#draw();
  }

  clear(place: 0 | 1): void {
    const { niivue } = this.#shown[place];
    if (niivue === undefined) return;
    for (const volume of [...niivue.volumes]) niivue.removeVolume(volume);
    niivue.drawScene();
  }

  /** Where the crosshair is, as shares of the field of view towards left, front and head. */
  move(position: [number, number, number]): void {
    this.#position = position;
    this.#draw();
  }

  setOpacity(opacity: number): void {
    this.#opacity = opacity;
    for (const { niivue } of this.#shown) if ((niivue?.volumes.length ?? 0) > 1) niivue?.setOpacity(1, opacity);
  }

  #draw(): void {
    for (const { niivue } of this.#shown) {
      if (niivue === undefined || niivue.volumes.length === 0) continue;
      niivue.scene.crosshairPos = this.#position as unknown as typeof niivue.scene.crosshairPos;
      niivue.drawScene();
    }
  }

  #read(kind: typeof NVImage, name: string, picture: Picture): Promise<NVImage> {
    return kind.loadFromFile({ file: new File([picture.bytes], `${name}.nii`), name: `${name}.nii`, colormap: "gray" });
  }

  async #niivue(place: 0 | 1): Promise<Niivue> {
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
      multiplanarShowRender: SHOW_RENDER.NEVER,
      sliceType: SLICE_TYPE.MULTIPLANAR,
    });
    await niivue.attachToCanvas(shown.canvas);
    niivue.setMultiplanarLayout(2);
    niivue.onLocationChange = (location) => {
      const [x, y, z] = (location as { frac: ArrayLike<number> }).frac as unknown as [number, number, number];
      if ([x, y, z].every((value, i) => Math.abs(value - (this.#position[i] as number)) < 1e-6)) return;
      this.#position = [x, y, z];
      this.onMove(this.#position);
    };
    shown.niivue = niivue;
    return niivue;
  }
}
