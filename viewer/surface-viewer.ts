import {
  AmbientLight,
  BufferAttribute,
  BufferGeometry,
  Color,
  DirectionalLight,
  DoubleSide,
  Group,
  Mesh,
  MeshStandardMaterial,
  PerspectiveCamera,
  Scene,
  WebGLRenderer,
} from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";

/**
 * The turnable picture of a report. It is bundled into one classic script, because a file that is opened from disk may
 * not load modules, and finds its data in the page.
 */

/** As `packSurfaces` of src/view/report-surface.ts writes it. */
interface PackedSurface {
  readonly label: number;
  readonly color: readonly [number, number, number];
  /** Base64 of uint16 triples. */
  readonly positions: string;
  /** Base64 of uint32 triples. */
  readonly triangles: string;
}

interface PackedScene {
  /** mm per step of the positions, and mm of the position 0, x y z. */
  readonly stepMm: number;
  readonly originMm: readonly [number, number, number];
  readonly surfaces: readonly PackedSurface[];
}

function bytesOf(base64: string): ArrayBuffer {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)).buffer;
}

/** Patient axes (left, posterior, superior) become right-handed screen axes with the head up and the front in front. */
function geometryOf(surface: PackedSurface, scene: PackedScene, centre: readonly number[]): BufferGeometry {
  const steps = new Uint16Array(bytesOf(surface.positions));
  const positions = new Float32Array(steps.length);
  for (let i = 0; i < steps.length; i += 3) {
    const mm = [0, 1, 2].map((k) => (steps[i + k] ?? 0) * scene.stepMm - (centre[k] ?? 0));
    positions[i] = mm[0] ?? 0;
    positions[i + 1] = mm[2] ?? 0;
    positions[i + 2] = -(mm[1] ?? 0);
  }
  const geometry = new BufferGeometry();
  geometry.setAttribute("position", new BufferAttribute(positions, 3));
  geometry.setIndex(new BufferAttribute(new Uint32Array(bytesOf(surface.triangles)), 1));
  geometry.computeVertexNormals();
  return geometry;
}

/** Half of the extent in mm, and its middle in steps times mm. */
function extentOf(scene: PackedScene): { centre: number[]; radius: number } {
  const low = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const high = [0, 0, 0];
  for (const { positions } of scene.surfaces) {
    const steps = new Uint16Array(bytesOf(positions));
    for (let i = 0; i < steps.length; i++) {
      const value = (steps[i] ?? 0) * scene.stepMm;
      low[i % 3] = Math.min(low[i % 3] ?? 0, value);
      high[i % 3] = Math.max(high[i % 3] ?? 0, value);
    }
  }
  const centre = low.map((value, k) => (value + (high[k] ?? 0)) / 2);
  const radius = Math.sqrt(low.reduce((sum, value, k) => sum + ((high[k] ?? 0) - value) ** 2, 0)) / 2;
  return { centre, radius: Math.max(radius, 1) };
}

function start(place: HTMLElement, packed: PackedScene): void {
  const { centre, radius } = extentOf(packed);
  const canvas = place.querySelector("canvas") as HTMLCanvasElement;
  const renderer = new WebGLRenderer({ canvas, antialias: true, preserveDrawingBuffer: true });
  renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
  const scene = new Scene();
  scene.background = new Color(0x0d1015);
  const camera = new PerspectiveCamera(35, 1, radius / 50, radius * 30);
  camera.position.set(radius * 1.1, radius * 0.8, radius * 3.1);
  scene.add(new AmbientLight(0xffffff, 0.9));
  const light = new DirectionalLight(0xffffff, 2.2);
  light.position.set(0.4, 0.6, 1);
  camera.add(light);
  scene.add(camera);
  const group = new Group();
  const meshes = new Map<number, Mesh>();
  for (const surface of packed.surfaces) {
    const [r, g, b] = surface.color;
    const material = new MeshStandardMaterial({
      color: new Color(`rgb(${r},${g},${b})`),
      roughness: 0.55,
      side: DoubleSide,
    });
    const mesh = new Mesh(geometryOf(surface, packed, centre), material);
    meshes.set(surface.label, mesh);
    group.add(mesh);
  }
  scene.add(group);
  const controls = new OrbitControls(camera, canvas);
  const draw = () => renderer.render(scene, camera);
  const resize = () => {
    renderer.setSize(place.clientWidth, place.clientHeight, false);
    camera.aspect = place.clientWidth / place.clientHeight;
    camera.updateProjectionMatrix();
    draw();
  };
  controls.addEventListener("change", draw);
  new ResizeObserver(resize).observe(place);
  canvas.addEventListener("keydown", (event) => {
    const turn: Readonly<Record<string, readonly [number, number]>> = {
      ArrowLeft: [0, -0.15],
      ArrowRight: [0, 0.15],
      ArrowUp: [-0.15, 0],
      ArrowDown: [0.15, 0],
    };
    const by = turn[event.key];
    if (by !== undefined) {
      group.rotation.x += by[0];
      group.rotation.y += by[1];
    } else if (event.key === "+" || event.key === "-") {
      camera.position.multiplyScalar(event.key === "+" ? 0.9 : 1 / 0.9);
    } else return;
    event.preventDefault();
    draw();
  });
  const boxes = document.querySelectorAll<HTMLInputElement>('#surface-labels input[type="checkbox"]');
  const show = () => {
    for (const box of boxes) {
      const mesh = meshes.get(Number(box.value));
      if (mesh !== undefined) mesh.visible = box.checked;
    }
    draw();
  };
  for (const box of boxes) box.addEventListener("change", show);
  for (const [id, checked] of [
    ["surface-all", true],
    ["surface-none", false],
  ] as const) {
    document.getElementById(id)?.addEventListener("click", () => {
      for (const box of boxes) box.checked = checked;
      show();
    });
  }
  const opacity = document.getElementById("surface-opacity") as HTMLInputElement | null;
  const setOpacity = (value: number) => {
    for (const mesh of meshes.values()) {
      const material = mesh.material as MeshStandardMaterial;
      material.opacity = value;
      material.transparent = value < 1;
      material.depthWrite = value === 1;
      material.needsUpdate = true;
    }
  };
  opacity?.addEventListener("input", () => {
    setOpacity(opacity.valueAsNumber);
    draw();
  });
  if (opacity !== null) setOpacity(opacity.valueAsNumber);
  resize();
}

const place = document.getElementById("surface");
const data = document.getElementById("surface-data");
if (place !== null && data !== null) {
  try {
    start(place, JSON.parse(data.textContent) as PackedScene);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    place.textContent = `This browser cannot draw the surfaces (${text}). The rest of the report is complete.`;
  }
}
