import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { waitingFiles } from "./run/TestGroups.ts"

export default defineConfig({
  root: fileURLToPath(new URL("../../..", import.meta.url)),
  test: {
    pool: "forks",
    setupFiles: [fileURLToPath(new URL("run/CollectedOutputSetup.ts", import.meta.url))],
    // The timeouts are so long that only a test that hangs exceeds them.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    teardownTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: "one by one",
          include: ["packages/e2e/test/**/*.e2e.ts"],
          exclude: [...waitingFiles],
          // Parallel groups would compete for processors and memory.
          fileParallelism: false
        }
      },
      {
        extends: true,
        test: {
          name: "waiting",
          include: [...waitingFiles],
          // Runs after the project `one by one`, not in parallel with it.
          sequence: { groupOrder: 1 },
          maxWorkers: 3
        }
      }
    ]
  }
})
