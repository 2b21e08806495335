import { defineConfig } from "vitest/config"

export default defineConfig({
  test: { setupFiles: ["@registry-packages-proxy/testkit/machine/TestSetup"] }
})
