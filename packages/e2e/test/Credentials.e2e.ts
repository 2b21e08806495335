import { assert, layer } from "@effect/vitest"
import { Effect, Path } from "effect"
import * as ProxyProcess from "../src/program/ProxyProcess.ts"
import * as CredentialsFile from "../src/program/CredentialsFile.ts"
import * as Download from "../src/clients/Download.ts"
import { showLogsOnFailure } from "../src/machine/Logs.ts"
import * as Eventually from "../src/machine/Eventually.ts"
import { registryUser } from "../src/registries/Registry.ts"
import { layerOptions, RegistryFixture } from "../src/fixtures/RegistryFixture.ts"

// A changed credentials file takes effect within five seconds. The tests check ten times a second.
const withinFiveSeconds = { times: 50, intervalMillis: 100 }

const pushed = Effect.fnUntraced(function* (name: string, seed: number) {
  const { layout, registry } = yield* RegistryFixture
  const image = yield* layout.image({ name, size: 20 * 1024, seed })
  yield* registry.push(layout, image, CredentialsFile.clusterPath)
  return image
})

const untilServed = (url: string, file: string) =>
  Eventually.isTrue(
    "the package, after the credentials file has changed",
    Effect.map(
      Download.downloadAndCompare(url, file),
      ({ isUnchanged, status }) => status === 200 && isUnchanged
    ),
    withinFiveSeconds
  )

layer(RegistryFixture.layerDebian, layerOptions)("Credentials", (it) => {
  it.effect("that are wrong cause a 502 that says so, and work within five seconds of a correction", () =>
    Effect.gen(function* () {
      const path = yield* Path.Path
      const { directory, registry } = yield* RegistryFixture
      const image = yield* pushed("wrong-password", 1)
      const credentialsFile = path.join(directory, "wrong-password.yaml")
      const wrongCredentials = { ...registry.credentials, password: "e2e-not-the-password" }
      yield* CredentialsFile.write(credentialsFile, { ...registry, credentials: wrongCredentials })
      const proxy = yield* ProxyProcess.start({ credentialsFile })
      const { detail, status } = yield* Download.requestProblem(proxy.packageUrl(image.digest))
      assert.strictEqual(status, 502)
      assert.include(detail, registry.host)
      assert.match(detail, /credentials/i)

      yield* CredentialsFile.write(credentialsFile, registry)
      yield* untilServed(proxy.packageUrl(image.digest), image.package.path)

      const written = proxy.lines().join("\n")
      for (const secret of [registryUser.password, wrongCredentials.password]) {
        assert.notInclude(written, secret)
        assert.notInclude(written, btoa(`${registryUser.username}:${secret}`))
      }
    }).pipe(Effect.scoped, showLogsOnFailure)
  )

  it.effect("without the registry's CA cause a 502 that names the certificate, until the CA is added", () =>
    Effect.gen(function* () {
      const path = yield* Path.Path
      const { directory, registry } = yield* RegistryFixture
      const image = yield* pushed("unknown-authority", 2)
      const credentialsFile = path.join(directory, "unknown-authority.yaml")
      yield* CredentialsFile.write(credentialsFile, {
        host: registry.host,
        credentials: registry.credentials
      })
      const proxy = yield* ProxyProcess.start({ credentialsFile })
      const { detail, status } = yield* Download.requestProblem(proxy.packageUrl(image.digest))
      assert.strictEqual(status, 502)
      assert.include(detail, registry.host)
      assert.match(detail, /certificate/)

      yield* CredentialsFile.write(credentialsFile, registry)
      yield* untilServed(proxy.packageUrl(image.digest), image.package.path)
    }).pipe(Effect.scoped, showLogsOnFailure)
  )

  it.effect("without the repository cause a 404", () =>
    Effect.gen(function* () {
      const { credentialsFile } = yield* RegistryFixture
      const proxy = yield* ProxyProcess.start({ credentialsFile })
      const url = proxy.packageUrl(`sha256:${"0".repeat(64)}`, { repository: "unknown.invalid/modules" })
      const { detail, status } = yield* Download.requestProblem(url)
      assert.strictEqual(status, 404)
      assert.include(detail, "unknown.invalid/modules")
    }).pipe(Effect.scoped, showLogsOnFailure)
  )
})
