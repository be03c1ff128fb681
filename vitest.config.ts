import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import args from "./test/chromium-args.json" with { type: "json" };

/** Tests that run in both Node and Chromium: they may not touch files, processes or workers. */
const universal = [
  "test/core/**/*.test.ts",
  "test/kernels/**/*.test.ts",
  "test/steps/**/*.test.ts",
  "test/io/**/*.test.ts",
  "test/recipes/**/*.test.ts",
  "test/runner/**/*.test.ts",
  "test/inference/**/*.test.ts",
  "test/view/**/*.test.ts",
];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/browser/**", "test/pages/**"],
          environment: "node",
        },
      },
      // Built pages, driven in Chromium from Node.
      {
        test: {
          name: "pages",
          include: ["test/pages/**/*.test.ts"],
          environment: "node",
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        // Its WebAssembly lies beside its modules, which bundling beforehand would move.
        optimizeDeps: { exclude: ["onnxruntime-web"] },
        test: {
          name: "chromium",
          include: [...universal, "test/browser/**/*.test.ts"],
          exclude: ["test/**/*.node.test.ts"],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args },
            }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
    ],
  },
});
