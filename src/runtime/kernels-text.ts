/** The kernels as base64, put in by the build, for where `kernels.wasm` does not lie beside the modules (`wasm-web`). */
export const KERNELS_BASE64: string = "";
