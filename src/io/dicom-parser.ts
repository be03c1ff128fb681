import * as module from "dicom-parser";

/*
 * The one module that names the package. The build puts the package's code into it: the package is UMD and asks a global
 * for zlib, which development servers that hand it on as it is do not have, and its users need not install it.
 */

// The package is CommonJS: Node puts its functions under `default`, bundlers may not.
export const dicomParser = (module as unknown as { default?: typeof module }).default ?? module;
export type DicomDataSet = module.DataSet;
