import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { waitingFiles } from "./run/Groups.ts"

export default defineConfig({
  root: fileURLToPath(new URL("../../..", import.meta.url)),
  test: {
    pool: "forks",
    // Far more than any needs: they only end what hangs.
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
          // The groups would take each other's processors and memory.
          fileParallelism: false
        }
      },
      {
        extends: true,
        test: {
          name: "waiting",
          include: [...waitingFiles],
          // With a place of its own in the order: those of the other project are run apart.
          sequence: { groupOrder: 1 },
          maxWorkers: 3
        }
      }
    ]
  }
})
