import { assert, describe, it } from "@effect/vitest"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { settle } from "@registry-packages-proxy/testkit/machine/VirtualTime"
import { Effect } from "effect"
import { bytes, start, type Started, withPlatform } from "../http/ProxyHarness.ts"
import { ByteCount } from "../../src/config/Quantity.ts"
import { FilePath } from "../../src/config/Flags.ts"
import * as Volume from "./Volume.ts"

const contents = [bytes(300_000), bytes(400_000), bytes(20_000)]

/**
 * Starts registry-packages-proxy with its cache on a small volume. The volume is smaller than the configured cache
 * size, so the volume fills up first.
 */
const onVolume = Effect.fnUntraced(function* (options: { readonly inodes?: number } = {}) {
  const volume = yield* Volume.make(options)
  const images = contents.map((content) => RegistryImage.ofPackage(content))
  const proxy = yield* start({
    images,
    files: volume.files,
    settings: {
      cacheDirectory: FilePath.make(volume.directory),
      cacheRetentionSize: ByteCount.make(64 * 1024 * 1024)
    }
  })
  return { volume, proxy, images }
})

const readiness = (proxy: Started) =>
  Effect.map(proxy.request("/readyz"), ({ body, status }) => [status, body.toString()])

const isDegraded = (proxy: Started) =>
  Effect.map(proxy.request("/metrics"), ({ body }) =>
    body.toString().includes("\nregistry_packages_proxy_cache_degraded 1")
  )

/**
 * Downloads `images` one after another. Fails if a response differs from the package in `contents`. Returns the
 * Cache-Status of each response without the cache's name.
 */
const fetchAll = Effect.fnUntraced(function* (
  proxy: Started,
  images: ReadonlyArray<RegistryImage.RegistryImage>
) {
  const results: Array<string | undefined> = []
  for (const [index, image] of images.entries()) {
    const response = yield* proxy.package(image.digest)
    assert.strictEqual(response.status, 200)
    assert.isTrue(response.complete)
    assert.isTrue(response.body.equals(contents[index] ?? assert.fail()))
    results.push(String(response.headers["cache-status"]).split("; ").slice(1).join("; "))
    // The response ends before the fill commits.
    yield* settle
  }
  return results
})

/**
 * Downloads packages, at most `concurrency` at a time. Fails if a response differs from `content`. Returns the
 * Cache-Status of each response without the cache's name.
 */
const fetchEach = Effect.fnUntraced(function* (
  proxy: Started,
  packages: ReadonlyArray<{ readonly digest: string; readonly content: Uint8Array }>,
  concurrency: number = 1
) {
  return yield* Effect.forEach(
    packages,
    ({ content, digest }) =>
      Effect.gen(function* () {
        const response = yield* proxy.package(digest)
        assert.strictEqual(response.status, 200)
        assert.isTrue(response.complete)
        assert.isTrue(response.body.equals(content))
        if (concurrency === 1) yield* settle
        return String(response.headers["cache-status"]).split("; ").slice(1).join("; ")
      }),
    { concurrency }
  )
})

/** Puts a random package of each size, in bytes, into the mock registry. Returns the digests and contents. */
const putPackages = (proxy: Started, sizes: ReadonlyArray<number>) =>
  Effect.forEach(sizes, (size) => {
    const content = bytes(size)
    return Effect.map(proxy.registry.putPackage(content), ({ digest }) => ({ digest, content }))
  })

const evictionsBy = (proxy: Started, reason: "cap" | "full_disk") =>
  Effect.map(proxy.request("/metrics"), ({ body }) => {
    const name = `registry_packages_proxy_cache_evictions_total{reason="${reason}"}`
    const line = body
      .toString()
      .split("\n")
      .find((line) => line.startsWith(name))
    return Number(line?.slice(name.length) ?? 0)
  })

const stored = contents.map(() => "fwd=miss; stored")

describe("a cache on a small volume", () => {
  for (const trouble of ["fill", "makeReadOnly"] as const) {
    it.effect(
      `downloads continue, the failure is logged, and the cache recovers with the disk (${trouble === "fill" ? "full" : "read-only"})`,
      () =>
        withPlatform(
          Effect.gen(function* () {
            const { images, proxy, volume } = yield* onVolume()
            assert.deepStrictEqual(yield* readiness(proxy), [200, "ok\n"])
            yield* volume[trouble]
            for (const _ of [1, 2]) yield* fetchAll(proxy, images)
            assert.deepStrictEqual(yield* readiness(proxy), [200, "degraded: cache\n"])
            assert.isTrue(yield* isDegraded(proxy))
            yield* volume.mend
            assert.deepStrictEqual(yield* fetchAll(proxy, images), stored)
            assert.deepStrictEqual(yield* readiness(proxy), [200, "ok\n"])
            assert.isFalse(yield* isDegraded(proxy))
            assert.deepStrictEqual(
              yield* fetchAll(proxy, images),
              contents.map(() => "hit")
            )
          })
        )
    )
  }

  for (const [what, sizes, inodes] of [
    ["smaller than the cap", Array.from({ length: 24 }, (_, index) => 280_000 + index * 5000), undefined],
    [
      "smaller than the cap, with small packages",
      Array.from({ length: 60 }, (_, index) => 90_000 + index * 1000),
      undefined
    ],
    ["without inodes left", Array.from({ length: 30 }, (_, index) => 1000 + index), 16]
  ] as const) {
    it.effect(`a volume ${what} keeps the packages used last, and no package bypasses the cache`, () =>
      withPlatform(
        Effect.gen(function* () {
          const { proxy } = yield* onVolume(inodes === undefined ? {} : { inodes })
          const packages = yield* putPackages(proxy, sizes)
          const before = yield* evictionsBy(proxy, "full_disk")
          assert.deepStrictEqual(
            yield* fetchEach(proxy, packages),
            packages.map(() => "fwd=miss; stored")
          )
          assert.isAbove(yield* evictionsBy(proxy, "full_disk"), before)
          assert.deepStrictEqual(yield* readiness(proxy), [200, "ok\n"])
          assert.isFalse(yield* isDegraded(proxy))
          assert.deepStrictEqual(yield* fetchEach(proxy, packages.slice(-2)), ["hit", "hit"])
        })
      )
    )
  }

  it.effect("a volume smaller than the cap serves the right bytes to concurrent clients, cached or not", () =>
    withPlatform(
      Effect.gen(function* () {
        const { proxy } = yield* onVolume()
        const packages = yield* putPackages(
          proxy,
          Array.from({ length: 12 }, (_, index) => 300_000 + index * 30_000)
        )
        for (const concurrency of [4, 12]) {
          yield* fetchEach(proxy, [...packages, ...packages], concurrency)
          yield* settle
        }
        // A single request has enough space, since no other package is in use.
        assert.include(["hit", "fwd=miss; stored"], (yield* fetchEach(proxy, packages.slice(0, 1)))[0])
        assert.deepStrictEqual(yield* readiness(proxy), [200, "ok\n"])
      })
    )
  )

  it.effect("space taken by foreign files is freed by eviction when the cache needs it", () =>
    withPlatform(
      Effect.gen(function* () {
        const { proxy, volume } = yield* onVolume()
        const packages = yield* putPackages(proxy, [300_000, 300_000, 300_000, 300_000, 590_000])
        yield* fetchEach(proxy, packages.slice(0, 4))
        yield* volume.fill
        assert.deepStrictEqual(yield* fetchEach(proxy, packages.slice(4)), ["fwd=miss; stored"])
        assert.deepStrictEqual(yield* readiness(proxy), [200, "ok\n"])
      })
    )
  )

  it.effect("cached packages are served from a volume that has become read-only", () =>
    withPlatform(
      Effect.gen(function* () {
        const { images, proxy, volume } = yield* onVolume()
        assert.deepStrictEqual(yield* fetchAll(proxy, images), stored)
        yield* volume.makeReadOnly
        assert.deepStrictEqual(
          yield* fetchAll(proxy, images),
          contents.map(() => "hit")
        )
      })
    )
  )

  it.effect("a package larger than the volume but not than the cap is served completely", () =>
    withPlatform(
      Effect.gen(function* () {
        const { proxy, volume } = yield* onVolume()
        const content = bytes(Volume.size * 2)
        const image = yield* proxy.registry.putPackage(content)
        if (!volume.real) yield* volume.fill
        for (const _ of [1, 2]) {
          const response = yield* proxy.package(image.digest)
          assert.isTrue(response.complete)
          assert.isTrue(response.body.equals(content))
        }
        assert.deepStrictEqual(yield* readiness(proxy), [200, "degraded: cache\n"])
      })
    )
  )

  it.effect("a directory deleted from outside is created again, and its packages are pulled again", () =>
    withPlatform(
      Effect.gen(function* () {
        const { images, proxy, volume } = yield* onVolume()
        assert.deepStrictEqual(yield* fetchAll(proxy, images), stored)
        yield* volume.remove
        yield* fetchAll(proxy, images)
        yield* fetchAll(proxy, images)
        const [large, larger] = yield* fetchAll(proxy, images)
        assert.deepStrictEqual([large, larger], ["hit", "hit"])
        assert.deepStrictEqual(yield* readiness(proxy), [200, "ok\n"])
      })
    )
  )
})
