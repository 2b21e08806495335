import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

export default defineConfig({
  root: fileURLToPath(new URL("../../..", import.meta.url)),
  test: {
    include: ["packages/e2e/test/**/*.e2e.ts"],
    pool: "forks",
    // The groups would take each other's processors and memory.
    fileParallelism: false,
    // Far more than any needs: they only end what hangs.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    teardownTimeout: 30_000
  }
})
