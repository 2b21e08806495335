import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import * as ProxyProcess from "../src/program/ProxyProcess.ts"
import * as CredentialsFile from "../src/program/CredentialsFile.ts"
import * as Download from "../src/clients/Download.ts"
import * as Tinyproxy from "../src/servers/Tinyproxy.ts"
import { showLogsOnFailure } from "../src/machine/Logs.ts"
import * as Eventually from "../src/machine/Eventually.ts"
import { nonLoopbackHost } from "../src/registries/Registry.ts"
import { layerOptions, RegistryFixture } from "../src/fixtures/RegistryFixture.ts"

const mebibyte = 1024 * 1024
const { clusterPath } = CredentialsFile

/**
 * Writes a credentials file for a registry host that is not a loopback address, so that registry-packages-proxy uses a
 * forward proxy.
 */
const proxied = Effect.gen(function* () {
  const { directory, registry } = yield* RegistryFixture
  const host = registry.host.replace("127.0.0.1", nonLoopbackHost)
  const credentialsFile = join(directory, "proxied.yaml")
  yield* CredentialsFile.write(credentialsFile, {
    host,
    ca: registry.ca,
    credentials: { ...registry.credentials, host }
  })
  return { credentialsFile, host }
})

layer(RegistryFixture.layerDebian, layerOptions)("A forward proxy", (it) => {
  it.effect("tunnels requests to the registry, and its password is not logged", () =>
    Effect.gen(function* () {
      const { layout, registry } = yield* RegistryFixture
      const { credentialsFile, host } = yield* proxied
      const forward = yield* Tinyproxy.start
      const program = yield* ProxyProcess.start({ credentialsFile, env: { HTTPS_PROXY: forward.url } })
      const image = yield* layout.image({ name: "tunnelled", size: 64 * mebibyte, seed: 1 })
      yield* registry.push(layout, image, clusterPath)
      const pulled = yield* Download.downloadAndCompare(program.packageUrl(image.digest), image.package.path)
      assert.deepInclude(pulled, { status: 200, cacheStatus: "fwd=miss; stored", isUnchanged: true })
      yield* Eventually.isTrue(
        "a tunnel in tinyproxy's log",
        Effect.sync(() => forward.tunnelTargets().length > 0)
      )
      assert.deepStrictEqual([...new Set(forward.tunnelTargets())], [host])
      assert.notInclude(program.lines().join("\n"), forward.password)
    }).pipe(Effect.scoped, showLogsOnFailure)
  )

  for (const [what, isProxied, NO_PROXY, seed] of [
    ["hosts in NO_PROXY", true, `example.com,${nonLoopbackHost}`, 2],
    ["loopback, with any NO_PROXY", false, "", 3]
  ] as const) {
    it.effect(`is not used for ${what}`, () =>
      Effect.gen(function* () {
        const { layout, registry, ...bed } = yield* RegistryFixture
        const { credentialsFile } = isProxied ? yield* proxied : bed
        const forward = yield* Tinyproxy.start
        const env = { HTTPS_PROXY: forward.url, NO_PROXY }
        const program = yield* ProxyProcess.start({ credentialsFile, env })
        const image = yield* layout.image({ name: `direct-${seed}`, size: 20 * 1024, seed })
        yield* registry.push(layout, image, clusterPath)
        const pulled = yield* Download.downloadAndCompare(
          program.packageUrl(image.digest),
          image.package.path
        )
        assert.deepInclude(pulled, { status: 200, cacheStatus: "fwd=miss; stored", isUnchanged: true })
        const probe = yield* forward.requestProbeTunnel
        yield* Eventually.isTrue(
          "the probe in tinyproxy's log",
          Effect.sync(() => forward.tunnelTargets().length > 0)
        )
        assert.deepStrictEqual(forward.tunnelTargets(), [probe])
      }).pipe(Effect.scoped, showLogsOnFailure)
    )
  }

  it.effect("that refuses the connection causes a 502", () =>
    Effect.gen(function* () {
      const { credentialsFile } = yield* proxied
      const forward = yield* Tinyproxy.start
      const env = { HTTPS_PROXY: forward.url.replace(forward.password, "e2e-not-the-password") }
      const program = yield* ProxyProcess.start({ credentialsFile, env })
      const { status } = yield* Download.requestProblem(program.packageUrl(`sha256:${"0".repeat(64)}`))
      assert.strictEqual(status, 502)
    }).pipe(Effect.scoped, showLogsOnFailure)
  )
})
