/**
 * Pictures, surfaces and reports of volumes and labels.
 *
 * @module nnprep/view
 */
export { formatPng } from "../io/png.js";
export { labelColor } from "../view/label-colors.js";
export { type LabelCoordinates, labelCoordinates, type MeasuredLabel, measureLabels } from "../view/label-list.js";
export { formatObj, formatPly, formatStl, type NamedSurface } from "../view/mesh-files.js";
export { type OverviewOptions, renderOverview } from "../view/overview.js";
export type { Color, Picture } from "../view/picture.js";
export { reduceSurface } from "../view/reduce.js";
export {
  formatHtmlReport,
  type ReportCase,
  type ReportData,
  type ReportFinding,
  type ReportGap,
  type ReportGrid,
  type ReportPicture,
  type ReportPlan,
  type ReportScores,
} from "../view/report.js";
export type { Histogram, StripPlot, StripRow } from "../view/report-plots.js";
export type { ReportScene, ReportSurface } from "../view/report-surface.js";
export {
  CT_WINDOWS,
  type CtWindow,
  chooseScanWindow,
  type ScanWindow,
  type ScanWindowOptions,
} from "../view/scan-window.js";
export { renderLabels, type SceneOptions } from "../view/scene.js";
export {
  fullestSlice,
  type Plane,
  renderSlice,
  type SliceOptions,
  type SliceSource,
  sliceCount,
} from "../view/slice.js";
export { type LabelSurfaceOptions, labelSurface, measureSurface, type Surface } from "../view/surface.js";
