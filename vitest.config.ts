import { defineConfig } from "vitest/config"

const every = ["packages/*/test/**/*.test.ts", "scripts/**/*.test.ts"]

/** Tests that read the process's metrics, which all tests of a process share. */
const counting = ["packages/*/test/metrics/**/*.test.ts"]

export default defineConfig({
  test: {
    pool: "forks",
    // Generous for a loaded machine: no test waits for time to pass.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    setupFiles: ["./scripts/TestSetup.ts"],
    projects: [
      // In one process after the other: Effect is evaluated once for all of them, not for each.
      { extends: true, test: { name: "shared", include: every, exclude: counting, isolate: false } },
      { extends: true, test: { name: "alone", include: counting } }
    ]
  }
})
