import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { requestsForDigest } from "../src/registries/AccessLog.ts"
import * as ProxyProcess from "../src/program/ProxyProcess.ts"
import { clusterPath } from "../src/program/CredentialsFile.ts"
import * as Download from "../src/clients/Download.ts"
import { showLogsOnFailure } from "../src/machine/Logs.ts"
import * as Eventually from "../src/machine/Eventually.ts"
import { layerOptions, RegistryFixture } from "../src/fixtures/RegistryFixture.ts"

const mebibyte = 1024 * 1024

const pushed = Effect.fnUntraced(function* (name: string, size: number, seed: number) {
  const { layout, registry } = yield* RegistryFixture
  const image = yield* layout.image({ name, size, seed })
  yield* registry.push(layout, image, clusterPath)
  return image
})

/** Waits until the registry has logged a successful request for the manifest with this digest. */
const untilRequested = Effect.fnUntraced(function* (digest: string) {
  const { registry } = yield* RegistryFixture
  yield* Eventually.isTrue(
    "the manifest in the registry's log",
    Effect.sync(() => requestsForDigest(registry.requests(), digest).includes("GET manifests 200"))
  )
})

layer(RegistryFixture.layerDebian, layerOptions)("Restarts", (it) => {
  it.effect(
    "of the program, with the registry down: cached packages are served at once, others when the registry is up",
    () =>
      Effect.gen(function* () {
        const path = yield* Path.Path
        const { credentialsFile, directory, registry } = yield* RegistryFixture
        const cacheDirectory = path.join(directory, "cache")
        const cached = yield* pushed("cached", 5 * mebibyte, 1)
        const uncached = yield* pushed("uncached", 5 * mebibyte, 2)

        const first = yield* ProxyProcess.start({ credentialsFile, cacheDirectory })
        const filled = yield* Download.downloadAndCompare(
          first.packageUrl(cached.digest),
          cached.package.path
        )
        assert.deepInclude(filled, { cacheStatus: "fwd=miss; stored", isUnchanged: true })
        assert.strictEqual(yield* first.stop("SIGTERM"), 0)
        const asked = requestsForDigest(registry.requests(), cached.digest)

        const second = yield* Effect.gen(function* () {
          const proxy = yield* ProxyProcess.start({ credentialsFile, cacheDirectory })
          const hit = yield* Download.downloadAndCompare(proxy.packageUrl(cached.digest), cached.package.path)
          assert.deepInclude(hit, { status: 200, cacheStatus: "hit", isUnchanged: true })
          const refused = yield* Download.requestProblem(proxy.packageUrl(uncached.digest))
          assert.strictEqual(refused.status, 502)
          assert.include(refused.detail, registry.host)
          return proxy
        }).pipe(registry.whileDown)

        const pulled = yield* Download.downloadAndCompare(
          second.packageUrl(uncached.digest),
          uncached.package.path
        )
        assert.deepInclude(pulled, { status: 200, cacheStatus: "fwd=miss; stored", isUnchanged: true })
        yield* untilRequested(uncached.digest)
        assert.deepStrictEqual(requestsForDigest(registry.requests(), cached.digest), asked)
        assert.strictEqual(yield* second.stop("SIGINT"), 0)
      }).pipe(Effect.scoped, showLogsOnFailure)
  )

  it.effect("of the registry alone: connections that it closed cause no error", () =>
    Effect.gen(function* () {
      const { credentialsFile, registry } = yield* RegistryFixture
      const proxy = yield* ProxyProcess.start({ credentialsFile })
      for (const seed of [3, 4, 5]) {
        const image = yield* pushed(`after-restart-${seed}`, 20 * 1024, seed)
        const pulled = yield* Download.downloadAndCompare(proxy.packageUrl(image.digest), image.package.path)
        assert.deepInclude(pulled, { status: 200, cacheStatus: "fwd=miss; stored", isUnchanged: true })
        yield* registry.whileDown(Effect.void)
      }
    }).pipe(Effect.scoped, showLogsOnFailure)
  )

  it.effect("during a download: the download completes, then the program ends", () =>
    Effect.gen(function* () {
      const { credentialsFile } = yield* RegistryFixture
      const proxy = yield* ProxyProcess.start({ credentialsFile })
      const image = yield* pushed("under-way", 64 * mebibyte, 6)
      const [download, code] = yield* Effect.all(
        [
          Download.downloadAndCompare(proxy.packageUrl(image.digest), image.package.path),
          Effect.andThen(untilRequested(image.digest), proxy.stop("SIGTERM"))
        ],
        { concurrency: "unbounded" }
      )
      assert.deepInclude(download, { status: 200, isUnchanged: true })
      assert.strictEqual(code, 0)
    }).pipe(Effect.scoped, showLogsOnFailure)
  )

  it.effect("after a crash in the middle of a pull: no part of it is left or served", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const { credentialsFile, directory } = yield* RegistryFixture
      const cacheDirectory = path.join(directory, "crashed")
      const image = yield* pushed("crashed", 64 * mebibyte, 7)
      const first = yield* ProxyProcess.start({ credentialsFile, cacheDirectory })
      yield* Effect.all(
        [
          Effect.exit(Download.downloadAndCompare(first.packageUrl(image.digest), image.package.path)),
          Effect.andThen(untilRequested(image.digest), first.kill)
        ],
        { concurrency: "unbounded" }
      )

      const second = yield* ProxyProcess.start({ credentialsFile, cacheDirectory })
      const names = yield* fs.readDirectory(cacheDirectory, { recursive: true })
      const infos = yield* Effect.forEach(names, (name) => fs.stat(path.join(cacheDirectory, name)))
      const files = infos.filter(({ type }) => type === "File")
      const served = yield* Download.downloadAndCompare(second.packageUrl(image.digest), image.package.path)
      assert.deepInclude(served, { status: 200, isUnchanged: true })
      // If the crash came after the end of the pull, the package is cached in one file. Otherwise there is no file.
      assert.strictEqual(files.length, served.cacheStatus === "hit" ? 1 : 0)
    }).pipe(Effect.scoped, showLogsOnFailure)
  )
})
