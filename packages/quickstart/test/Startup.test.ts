import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Startup from "../src/Startup.ts"

const paths = { credentialsFile: "/tmp/q/credentials.yaml", cacheDirectory: "/tmp/q/cache" }

const settings = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  Effect.map(Startup.parseSettings({ args, env }, paths), ({ cacheDirectory, credentialsFiles }) => ({
    cacheDirectory: String(cacheDirectory),
    credentialsFiles: credentialsFiles.map(String)
  }))

describe("Startup", () => {
  it.effect("settings - uses the quickstart's files if none are given", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* settings([]), {
        cacheDirectory: paths.cacheDirectory,
        credentialsFiles: [paths.credentialsFile]
      })
    })
  )

  it.effect("settings - keeps the user's cache directory and credentials files", () =>
    Effect.gen(function* () {
      const expected = {
        cacheDirectory: "/mine",
        credentialsFiles: [paths.credentialsFile, "a.yaml", "b.yaml"]
      }
      const flags = ["--cache-directory=/mine", "--credentials-file=a.yaml", "--credentials-file", "b.yaml"]
      assert.deepStrictEqual(yield* settings(flags), expected)
      const env = {
        REGISTRY_PACKAGES_PROXY_CACHE_DIRECTORY: "/mine",
        REGISTRY_PACKAGES_PROXY_CREDENTIALS_FILE: "a.yaml,b.yaml"
      }
      assert.deepStrictEqual(yield* settings([], env), expected)
    })
  )

  it.effect("settings - refuses unknown flags", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(settings(["--nope"]))
      assert.strictEqual(error._tag, "UsageError")
    })
  )

  it("withoutCluster - removes the variable by which a pod finds its API server", () => {
    const env = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "443" }
    assert.deepStrictEqual(Startup.withoutKubernetesService(env), { KUBERNETES_SERVICE_PORT: "443" })
  })
})
