import { expect, test } from "vitest";
import { joinPath } from "../../../src/core/paths.js";
import {
  croppedTaskFolder,
  findTask,
  plansFileName,
  preprocessedTaskFolder,
  rawTaskFolder,
  sortIdentifiers,
  stageFolderName,
} from "../../../src/recipes/v1/layout.js";

test("nnU-Net's folders", () => {
  expect(rawTaskFolder("/data/", "Task005_Prostate")).toBe("/data/nnUNet_raw_data/Task005_Prostate");
  expect(croppedTaskFolder("/data", "Task005_Prostate")).toBe("/data/nnUNet_cropped_data/Task005_Prostate");
  expect(preprocessedTaskFolder("pp", "Task005_Prostate")).toBe("pp/Task005_Prostate");
  expect(plansFileName("3d")).toBe("nnUNetPlansv2.1_plans_3D.pkl");
  expect(plansFileName("2d")).toBe("nnUNetPlansv2.1_plans_2D.pkl");
  expect(stageFolderName("3d", 1)).toBe("nnUNetData_plans_v2.1_stage1");
  expect(stageFolderName("2d", 0)).toBe("nnUNetData_plans_v2.1_2D_stage0");
  expect(joinPath("", "a", "", "b")).toBe("a/b");
  expect(joinPath("/", "a")).toBe("/a");
});

test("a task is found by its number", () => {
  const folders = ["Task001_Brain", "Task010_Colon", "Task1000_Many", "notes"];
  expect(findTask(10, folders)).toBe("Task010_Colon");
  expect(findTask(1000, folders)).toBe("Task1000_Many");
  expect(findTask(1, [...folders, ...folders])).toBe("Task001_Brain");
  expect(() => findTask(2, folders, "/raw")).toThrowError("no folder Task002_NAME in /raw");
  expect(() => findTask(1, [...folders, "Task001_B"])).toThrowError("2 folders for task 1");
});

test("identifiers are sorted as Python sorts ID.npz", () => {
  expect(sortIdentifiers(["b", "a", "a_1", "a-1", "B", "a.1"])).toEqual(["B", "a-1", "a.1", "a", "a_1", "b"]);
  // A character beyond 16 bits comes after the last of 16 bits, unlike JavaScript's own order.
  expect(sortIdentifiers(["\u{1F600}", "\uFF5E"])).toEqual(["\uFF5E", "\u{1F600}"]);
});
