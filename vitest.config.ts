import { defineConfig } from "vitest/config"

const every = ["packages/*/test/**/*.test.ts", "scripts/**/*.test.ts"]

/** Tests that read the metrics of the process. All tests in a process share these metrics. */
const counting = ["packages/*/test/metrics/**/*.test.ts"]

export default defineConfig({
  test: {
    pool: "forks",
    // The timeouts are long for slow machines. No test waits for real time to pass.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    setupFiles: ["./scripts/TestSetup.ts"],
    projects: [
      // The test files of a process share their modules, so Effect is evaluated once per process instead of once per
      // file.
      { extends: true, test: { name: "shared", include: every, exclude: counting, isolate: false } },
      { extends: true, test: { name: "alone", include: counting } }
    ]
  }
})
