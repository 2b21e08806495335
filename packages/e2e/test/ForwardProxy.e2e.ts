import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import * as Bundle from "../src/program/Bundle.ts"
import * as CredentialsFile from "../src/program/CredentialsFile.ts"
import * as Download from "../src/clients/Download.ts"
import * as ForwardProxy from "../src/servers/ForwardProxy.ts"
import { shownOnFailure } from "../src/machine/Logs.ts"
import * as Poll from "../src/machine/Poll.ts"
import { proxiedHost } from "../src/registries/Registry.ts"
import { options, TestBed } from "../src/beds/TestBed.ts"

const mebibyte = 1024 * 1024
const { clusterPath } = CredentialsFile

/** The registry by an address that proxies are asked for. */
const proxied = Effect.gen(function* () {
  const { directory, registry } = yield* TestBed
  const host = registry.host.replace("127.0.0.1", proxiedHost)
  const credentialsFile = join(directory, "proxied.yaml")
  yield* CredentialsFile.write(credentialsFile, {
    host,
    ca: registry.ca,
    login: { ...registry.login, host }
  })
  return { credentialsFile, host }
})

layer(TestBed.layerDebian, options)("A forward proxy", (it) => {
  it.effect("tunnels what is asked of the registry, and its password is not logged", () =>
    Effect.gen(function* () {
      const { layout, registry } = yield* TestBed
      const { credentialsFile, host } = yield* proxied
      const forward = yield* ForwardProxy.start
      const bundle = yield* Bundle.start({ credentialsFile, env: { HTTPS_PROXY: forward.url } })
      const image = yield* layout.image({ name: "tunnelled", size: 64 * mebibyte, seed: 1 })
      yield* registry.push(layout, image, clusterPath)
      const pulled = yield* Download.compare(bundle.url(image.digest), image.package.path)
      assert.deepInclude(pulled, { status: 200, cacheStatus: "fwd=miss; stored", isSame: true })
      yield* Poll.untilTrue(
        "a tunnel in tinyproxy's log",
        Effect.sync(() => forward.tunnels().length > 0)
      )
      assert.deepStrictEqual([...new Set(forward.tunnels())], [host])
      assert.notInclude(bundle.lines().join("\n"), forward.password)
    }).pipe(Effect.scoped, shownOnFailure)
  )

  for (const [what, isProxied, NO_PROXY, seed] of [
    ["what NO_PROXY names", true, `example.com,${proxiedHost}`, 2],
    ["loopback, whatever NO_PROXY says", false, "", 3]
  ] as const) {
    it.effect(`is not asked for ${what}`, () =>
      Effect.gen(function* () {
        const { layout, registry, ...bed } = yield* TestBed
        const { credentialsFile } = isProxied ? yield* proxied : bed
        const forward = yield* ForwardProxy.start
        const env = { HTTPS_PROXY: forward.url, NO_PROXY }
        const bundle = yield* Bundle.start({ credentialsFile, env })
        const image = yield* layout.image({ name: `direct-${seed}`, size: 20 * 1024, seed })
        yield* registry.push(layout, image, clusterPath)
        const pulled = yield* Download.compare(bundle.url(image.digest), image.package.path)
        assert.deepInclude(pulled, { status: 200, cacheStatus: "fwd=miss; stored", isSame: true })
        const probe = yield* forward.probe
        yield* Poll.untilTrue(
          "the probe in tinyproxy's log",
          Effect.sync(() => forward.tunnels().length > 0)
        )
        assert.deepStrictEqual(forward.tunnels(), [probe])
      }).pipe(Effect.scoped, shownOnFailure)
    )
  }

  it.effect("that refuses us is a 502", () =>
    Effect.gen(function* () {
      const { credentialsFile } = yield* proxied
      const forward = yield* ForwardProxy.start
      const env = { HTTPS_PROXY: forward.url.replace(forward.password, "e2e-not-the-password") }
      const bundle = yield* Bundle.start({ credentialsFile, env })
      const { status } = yield* Download.problem(bundle.url(`sha256:${"0".repeat(64)}`))
      assert.strictEqual(status, 502)
    }).pipe(Effect.scoped, shownOnFailure)
  )
})
