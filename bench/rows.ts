import { accumulateRows } from "./accumulate-windows.bench.js";
import { exportRows } from "./argmax.bench.js";
import { b2ndRows } from "./b2nd.bench.js";
import { caseRows } from "./case.bench.js";
import { cubicRows } from "./cubic.bench.js";
import { drawRows } from "./draws.bench.js";
import { fillHolesRows } from "./fill-holes.bench.js";
import { componentRows } from "./label.bench.js";
import { labelRows } from "./linear-labels.bench.js";
import { momentsRows } from "./moments.bench.js";
import { nearestRows } from "./nearest.bench.js";
import { nonzeroRows } from "./nonzero.bench.js";
import { normalizeRows } from "./normalize.bench.js";
import { meanRows } from "./pairwise.bench.js";
import type { Row, Scale } from "./row.js";
import { percentileRows } from "./select.bench.js";
import { v2CaseRows } from "./v2-case.bench.js";
import { v2EvaluateRows } from "./v2-evaluate.bench.js";
import { v2ExportRows } from "./v2-export.bench.js";

/** Every operation in memory, in the order of the report. */
export function allRows(scale: Scale): Row[] {
  return [
    cubicRows,
    labelRows,
    nearestRows,
    fillHolesRows,
    nonzeroRows,
    componentRows,
    meanRows,
    momentsRows,
    normalizeRows,
    percentileRows,
    drawRows,
    exportRows,
    b2ndRows,
    accumulateRows,
    caseRows,
    v2CaseRows,
    v2ExportRows,
    v2EvaluateRows,
  ].flatMap((rows) => rows(scale));
}
