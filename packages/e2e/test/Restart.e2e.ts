import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { requestsFor } from "../src/registries/AccessLog.ts"
import * as Bundle from "../src/program/Bundle.ts"
import { clusterPath } from "../src/program/CredentialsFile.ts"
import * as Download from "../src/clients/Download.ts"
import { shownOnFailure } from "../src/machine/Logs.ts"
import * as Poll from "../src/machine/Poll.ts"
import { options, TestBed } from "../src/beds/TestBed.ts"

const mebibyte = 1024 * 1024

const pushed = Effect.fnUntraced(function* (name: string, size: number, seed: number) {
  const { layout, registry } = yield* TestBed
  const image = yield* layout.image({ name, size, seed })
  yield* registry.push(layout, image, clusterPath)
  return image
})

/** Waits until the program has asked the registry for a manifest: the registry's log has nothing but digests. */
const untilAskedFor = Effect.fnUntraced(function* (digest: string) {
  const { registry } = yield* TestBed
  yield* Poll.untilTrue(
    "the manifest in the registry's log",
    Effect.sync(() => requestsFor(registry.requests(), digest).includes("GET manifests 200"))
  )
})

layer(TestBed.layerDebian, options)("Restarts", (it) => {
  it.effect("of the program, with the registry down: what is cached is served, the rest once it is up", () =>
    Effect.gen(function* () {
      const path = yield* Path.Path
      const { credentialsFile, directory, registry } = yield* TestBed
      const cacheDirectory = path.join(directory, "cache")
      const cached = yield* pushed("cached", 5 * mebibyte, 1)
      const uncached = yield* pushed("uncached", 5 * mebibyte, 2)

      const first = yield* Bundle.start({ credentialsFile, cacheDirectory })
      const filled = yield* Download.compare(first.url(cached.digest), cached.package.path)
      assert.deepInclude(filled, { cacheStatus: "fwd=miss; stored", isSame: true })
      assert.strictEqual(yield* first.stop("SIGTERM"), 0)
      const asked = requestsFor(registry.requests(), cached.digest)

      const second = yield* Effect.gen(function* () {
        const bundle = yield* Bundle.start({ credentialsFile, cacheDirectory })
        const hit = yield* Download.compare(bundle.url(cached.digest), cached.package.path)
        assert.deepInclude(hit, { status: 200, cacheStatus: "hit", isSame: true })
        const refused = yield* Download.problem(bundle.url(uncached.digest))
        assert.strictEqual(refused.status, 502)
        assert.include(refused.detail, registry.host)
        return bundle
      }).pipe(registry.whileDown)

      const pulled = yield* Download.compare(second.url(uncached.digest), uncached.package.path)
      assert.deepInclude(pulled, { status: 200, cacheStatus: "fwd=miss; stored", isSame: true })
      yield* untilAskedFor(uncached.digest)
      assert.deepStrictEqual(requestsFor(registry.requests(), cached.digest), asked)
      assert.strictEqual(yield* second.stop("SIGINT"), 0)
    }).pipe(Effect.scoped, shownOnFailure)
  )

  it.effect("of the registry alone: connections that it closed are not taken for its answer", () =>
    Effect.gen(function* () {
      const { credentialsFile, registry } = yield* TestBed
      const bundle = yield* Bundle.start({ credentialsFile })
      for (const seed of [3, 4, 5]) {
        const image = yield* pushed(`after-restart-${seed}`, 20 * 1024, seed)
        const pulled = yield* Download.compare(bundle.url(image.digest), image.package.path)
        assert.deepInclude(pulled, { status: 200, cacheStatus: "fwd=miss; stored", isSame: true })
        yield* registry.whileDown(Effect.void)
      }
    }).pipe(Effect.scoped, shownOnFailure)
  )

  it.effect("with a download under way: it is finished, then the program ends", () =>
    Effect.gen(function* () {
      const { credentialsFile } = yield* TestBed
      const bundle = yield* Bundle.start({ credentialsFile })
      const image = yield* pushed("under-way", 64 * mebibyte, 6)
      const [download, code] = yield* Effect.all(
        [
          Download.compare(bundle.url(image.digest), image.package.path),
          Effect.andThen(untilAskedFor(image.digest), bundle.stop("SIGTERM"))
        ],
        { concurrency: "unbounded" }
      )
      assert.deepInclude(download, { status: 200, isSame: true })
      assert.strictEqual(code, 0)
    }).pipe(Effect.scoped, shownOnFailure)
  )

  it.effect("by a crash in the middle of a pull: nothing of it is left or served", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const { credentialsFile, directory } = yield* TestBed
      const cacheDirectory = path.join(directory, "crashed")
      const image = yield* pushed("crashed", 64 * mebibyte, 7)
      const first = yield* Bundle.start({ credentialsFile, cacheDirectory })
      yield* Effect.all(
        [
          Effect.exit(Download.compare(first.url(image.digest), image.package.path)),
          Effect.andThen(untilAskedFor(image.digest), first.crash)
        ],
        { concurrency: "unbounded" }
      )

      const second = yield* Bundle.start({ credentialsFile, cacheDirectory })
      const names = yield* fs.readDirectory(cacheDirectory, { recursive: true })
      const infos = yield* Effect.forEach(names, (name) => fs.stat(path.join(cacheDirectory, name)))
      const files = infos.filter(({ type }) => type === "File")
      const served = yield* Download.compare(second.url(image.digest), image.package.path)
      assert.deepInclude(served, { status: 200, isSame: true })
      // The crash may have come after the last byte.
      assert.strictEqual(files.length, served.cacheStatus === "hit" ? 1 : 0)
    }).pipe(Effect.scoped, shownOnFailure)
  )
})
