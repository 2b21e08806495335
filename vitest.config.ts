import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts", "scripts/**/*.test.ts"],
    pool: "forks",
    // Generous for a loaded machine: no test waits for time to pass.
    testTimeout: 30_000,
    hookTimeout: 30_000
  }
})
