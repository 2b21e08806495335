import { assert, layer } from "@effect/vitest"
import {
  kubernetesList,
  type HostCredentials,
  moduleSource
} from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import { Context, Effect, FileSystem, Layer, Path, type Scope } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { requestsForDigest } from "../src/registries/AccessLog.ts"
import * as ProxyProcess from "../src/program/ProxyProcess.ts"
import type * as Command from "../src/run/Command.ts"
import * as Download from "../src/clients/Download.ts"
import * as ImageLayout from "../src/machine/ImageLayout.ts"
import { type Logs, showLogsOnFailure } from "../src/machine/Logs.ts"
import * as Eventually from "../src/machine/Eventually.ts"
import * as BreakingForwarder from "../src/registries/BreakingForwarder.ts"
import type { PrivateRegistry } from "../src/registries/PrivateRegistry.ts"
import * as Probe from "../src/registries/Probe.ts"
import { layerPrograms, layerOptions } from "../src/fixtures/RegistryFixture.ts"

const mebibyte = 1024 * 1024
// A changed credentials file takes effect within five seconds. The tests check ten times a second.
const withinFiveSeconds = { times: 50, intervalMillis: 100 }

interface SuiteContext<R extends PrivateRegistry> {
  readonly registry: R
  readonly layout: ImageLayout.ImageLayout
  readonly directory: string
}

type Services = Command.Services | FileSystem.FileSystem | Path.Path | HttpClient.HttpClient | Logs

const blobGets = (registry: PrivateRegistry, digest: string): ReadonlyArray<string> =>
  requestsForDigest(registry.requests(), digest).filter((line) => line.startsWith("GET"))

/** A test that only one kind of registry must pass, in addition to the common tests. */
export interface ExtraTest<R extends PrivateRegistry> {
  readonly name: string
  readonly run: (context: SuiteContext<R>) => Effect.Effect<void, unknown, Services | Scope.Scope>
}

/** Defines the tests that registry-packages-proxy must pass with every kind of private registry. */
export const suite = <R extends PrivateRegistry>(
  name: string,
  make: Effect.Effect<R, unknown, Services | Scope.Scope>,
  extras: ReadonlyArray<ExtraTest<R>> = []
) => {
  class SuiteFixture extends Context.Service<SuiteFixture, SuiteContext<R>>()(
    `@registry-packages-proxy/e2e/${name}`
  ) {}
  const layerFixture = Layer.effect(
    SuiteFixture,
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      return {
        registry: yield* make,
        layout: yield* ImageLayout.make,
        directory: yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-registries-" })
      }
    })
  ).pipe(Layer.provideMerge(layerPrograms))

  const baseOf = ({ repositoryOwner }: PrivateRegistry): string =>
    repositoryOwner === undefined ? "modules" : `${repositoryOwner}/modules`

  /**
   * Writes a credentials file with a ModuleSource that describes the registry. Replaces an existing file by a rename,
   * so that a half-written file is never read.
   */
  const known = Effect.fnUntraced(function* (
    file: string,
    credentials: HostCredentials | undefined,
    host?: string
  ) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const { directory, registry } = yield* SuiteFixture
    const at = host ?? registry.host
    const object = moduleSource({
      name: "private",
      repo: `${at}/${baseOf(registry)}`,
      ca: registry.ca,
      ...(credentials === undefined ? {} : { credentials: { ...credentials, host: at } })
    })
    const whole = path.join(directory, file)
    yield* fs.writeFileString(`${whole}.new`, JSON.stringify(kubernetesList([object])), { mode: 0o600 })
    yield* fs.rename(`${whole}.new`, whole)
    return { credentialsFile: whole, repository: `${at}/${baseOf(registry)}` }
  })

  const started = Effect.fnUntraced(function* (file: string, args: ReadonlyArray<string> = []) {
    const { registry } = yield* SuiteFixture
    const { credentialsFile, repository } = yield* known(file, registry.credentials)
    const proxy = yield* ProxyProcess.start({ credentialsFile, args })
    return { ...proxy, at: (digest: string, path = "") => proxy.packageUrl(digest, { repository, path }) }
  })

  const pushed = Effect.fnUntraced(function* (name: string, size: number, seed: number, path = "") {
    const { layout, registry } = yield* SuiteFixture
    const image = yield* layout.image({ name, size, seed })
    yield* registry.push(layout, image, `${baseOf(registry)}${path}`)
    return image
  })

  layer(layerFixture, layerOptions)(name, (it) => {
    it.effect("refuses clients without a password", () =>
      Effect.gen(function* () {
        const { registry } = yield* SuiteFixture
        const image = yield* pushed("anonymous", 1000, 1)
        const target = `/v2/${baseOf(registry)}/manifests/${image.digest}`
        assert.strictEqual(yield* Probe.anonymousStatus(registry.host, registry.ca, target), 401)
        const { credentialsFile, repository } = yield* known("anonymous.json", undefined)
        const proxy = yield* ProxyProcess.start({ credentialsFile })
        const { detail, status } = yield* Download.requestProblem(
          proxy.packageUrl(image.digest, { repository })
        )
        assert.strictEqual(status, 502)
        assert.include(detail, registry.host)
      }).pipe(Effect.scoped, showLogsOnFailure)
    )

    it.effect("serves a package unchanged, as a miss and then as a hit", () =>
      Effect.gen(function* () {
        const image = yield* pushed("plain", 20 * 1024, 2)
        const proxy = yield* started("plain.json")
        const miss = yield* Download.downloadAndCompare(proxy.at(image.digest), image.package.path)
        assert.deepInclude(miss, { status: 200, cacheStatus: "fwd=miss; stored", isUnchanged: true })
        const hit = yield* Download.downloadAndCompare(proxy.at(image.digest), image.package.path)
        assert.deepInclude(hit, { status: 200, isUnchanged: true })
      }).pipe(Effect.scoped, showLogsOnFailure)
    )

    it.effect("serves a package of a repository far below the ModuleSource's", () =>
      Effect.gen(function* () {
        const path = "release/some.module/v1_2-3"
        const image = yield* pushed("nested", 20 * 1024, 3, `/${path}`)
        const proxy = yield* started("nested.json")
        const pulled = yield* Download.downloadAndCompare(proxy.at(image.digest, path), image.package.path)
        assert.deepInclude(pulled, { status: 200, isUnchanged: true })
      }).pipe(Effect.scoped, showLogsOnFailure)
    )

    it.effect("serves the platform's image of an index, with a zstd layer", () =>
      Effect.gen(function* () {
        const { layout, registry } = yield* SuiteFixture
        const request = { name: "index", size: mebibyte, seed: 4, compression: "zstd" } as const
        const index = yield* layout.index(request, ["amd64", "arm64"])
        yield* registry.push(layout, index, baseOf(registry))
        const image = index.images["arm64"]
        assert.isDefined(image)
        const proxy = yield* started("index.json", ["--platform=linux/arm64"])
        const pulled = yield* Download.downloadAndCompare(proxy.at(index.digest), image.package.path)
        assert.deepInclude(pulled, { status: 200, isUnchanged: true })
        assert.strictEqual(pulled.headers["content-type"], "application/zstd")
      }).pipe(Effect.scoped, showLogsOnFailure)
    )

    it.effect("sees only a manifest request for HEAD and for a 304", () =>
      Effect.gen(function* () {
        const { registry } = yield* SuiteFixture
        const image = yield* pushed("head", 30 * 1024, 5)
        const proxy = yield* started("head.json")
        const url = proxy.at(image.digest)
        const head = yield* HttpClient.head(url)
        assert.strictEqual(head.status, 200)
        assert.deepInclude(head.headers, {
          "content-length": String(image.package.size),
          "docker-content-digest": image.package.digest
        })
        const etag = head.headers["etag"] ?? ""
        const again = yield* HttpClientRequest.get(url).pipe(
          HttpClientRequest.setHeader("if-none-match", etag),
          HttpClient.execute
        )
        assert.strictEqual(again.status, 304)
        yield* Eventually.isTrue(
          "the manifest in the registry's log",
          Effect.sync(() =>
            requestsForDigest(registry.requests(), image.digest).includes("GET manifests 200")
          )
        )
        assert.deepStrictEqual(blobGets(registry, image.package.digest), [])
      }).pipe(Effect.scoped, showLogsOnFailure)
    )

    it.effect("is asked for the rest of a large blob that was aborted", () =>
      Effect.gen(function* () {
        const { registry } = yield* SuiteFixture
        const image = yield* pushed("big", 48 * mebibyte, 6)
        const forwarder = yield* BreakingForwarder.make(registry.host, 16 * mebibyte)
        const { credentialsFile, repository } = yield* known("big.json", registry.credentials, forwarder.host)
        const proxy = yield* ProxyProcess.start({ credentialsFile })
        const pulled = yield* Download.downloadAndCompare(
          proxy.packageUrl(image.digest, { repository }),
          image.package.path
        )
        assert.deepInclude(pulled, { status: 200, isUnchanged: true })
        assert.isTrue(forwarder.hasAborted())
        const rest = registry.ignoresRanges === true ? "GET blobs 200" : "GET blobs 206"
        yield* Eventually.isTrue(
          "the rest of the blob in the registry's log",
          Effect.sync(() => blobGets(registry, image.package.digest).join(", ") === `GET blobs 200, ${rest}`)
        )
      }).pipe(Effect.scoped, showLogsOnFailure)
    )

    it.effect("causes a 404 for a package that it does not have", () =>
      Effect.gen(function* () {
        const proxy = yield* started("absent.json")
        const { status } = yield* Download.requestProblem(proxy.at(`sha256:${"0".repeat(64)}`))
        assert.strictEqual(status, 404)
      }).pipe(Effect.scoped, showLogsOnFailure)
    )

    for (const { name, run } of extras) {
      it.effect(name, () => Effect.flatMap(SuiteFixture, run).pipe(Effect.scoped, showLogsOnFailure))
    }

    it.effect("refuses a rotated password, with a clear error, until the ModuleSource has the new one", () =>
      Effect.gen(function* () {
        const { registry } = yield* SuiteFixture
        const image = yield* pushed("rotated", 20 * 1024, 7)
        const changed = yield* registry.changePassword
        const proxy = yield* started("rotated.json")
        const url = proxy.at(image.digest)
        const { detail, status } = yield* Download.requestProblem(url)
        assert.strictEqual(status, 502)
        assert.include(detail, "refused our credentials")
        yield* known("rotated.json", changed)
        yield* Eventually.isTrue(
          "the package, after the credentials file has changed",
          Effect.map(
            Download.downloadAndCompare(url, image.package.path),
            ({ isUnchanged, status }) => status === 200 && isUnchanged
          ),
          withinFiveSeconds
        )
        const written = proxy.lines().join("\n")
        for (const { password, username } of [registry.credentials, changed]) {
          assert.notInclude(written, password)
          assert.notInclude(written, btoa(`${username}:${password}`))
        }
      }).pipe(Effect.scoped, showLogsOnFailure)
    )
  })
}
