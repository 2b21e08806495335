import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { fileURLToPath } from "node:url"
import * as ProxyProcess from "../src/program/ProxyProcess.ts"
import * as Command from "../src/run/Command.ts"
import { clusterPath, modulePath } from "../src/program/CredentialsFile.ts"
import * as Download from "../src/clients/Download.ts"
import type { ImageLayout } from "../src/machine/ImageLayout.ts"
import { showLogsOnFailure } from "../src/machine/Logs.ts"
import type { PackageOptions } from "../src/clients/PackageFile.ts"
import * as Eventually from "../src/machine/Eventually.ts"
import { layerOptions, RegistryFixture } from "../src/fixtures/RegistryFixture.ts"

const mebibyte = 1024 * 1024
const fetchPy = fileURLToPath(new URL("../clients/fetch.py", import.meta.url))

const pushed = Effect.fnUntraced(function* (
  request: PackageOptions & { readonly name: string },
  repository: string
) {
  const { layout, registry } = yield* RegistryFixture
  const image = yield* layout.image(request)
  yield* registry.push(layout, image, repository)
  return image
})

const untilCached = (url: string) =>
  Eventually.isTrue(
    "a hit",
    Effect.map(Download.cacheStatusOf(url), (status) => status === "hit")
  )

/**
 * Downloads an uncached package twice. Asserts that the second response comes from the cache, and that every byte is
 * correct in both.
 */
const missThenHit = Effect.fnUntraced(function* (
  url: string,
  wanted: Effect.Success<ReturnType<ImageLayout["image"]>>
) {
  const miss = yield* Download.downloadAndCompare(url, wanted.package.path)
  assert.deepInclude(miss, { status: 200, cacheStatus: "fwd=miss; stored", isUnchanged: true })
  assert.deepInclude(miss.headers, {
    "docker-content-digest": wanted.package.digest,
    "content-length": String(wanted.package.size)
  })
  yield* untilCached(url)
  const hit = yield* Download.downloadAndCompare(url, wanted.package.path)
  assert.deepInclude(hit, { status: 200, cacheStatus: "hit", isUnchanged: true })
  return hit
})

layer(RegistryFixture.layerDebian, layerOptions)(
  "Debian's docker-registry, with a password and a CA of its own",
  (it) => {
    for (const [name, size] of [
      ["20 KiB", 20 * 1024],
      ["64 MiB", 64 * mebibyte],
      ["600 MiB", 600 * mebibyte]
    ] as const) {
      it.effect(`serves a package of ${name} unchanged, as a miss and then as a hit`, () =>
        Effect.gen(function* () {
          const { credentialsFile } = yield* RegistryFixture
          const proxy = yield* ProxyProcess.start({ credentialsFile })
          const image = yield* pushed(
            { name: name.replace(" ", "-").toLowerCase(), size, seed: 1 },
            clusterPath
          )
          const hit = yield* missThenHit(proxy.packageUrl(image.digest), image)
          assert.strictEqual(hit.headers["content-type"], "application/x-gzip")
          assert.strictEqual(
            hit.headers["content-disposition"],
            `attachment; filename=${image.digest}.tar.gz`
          )
        }).pipe(Effect.scoped, showLogsOnFailure)
      )
    }

    it.effect("serves a module's zstd layer, named by repository and path, as zstd", () =>
      Effect.gen(function* () {
        const { credentialsFile, registry } = yield* RegistryFixture
        const proxy = yield* ProxyProcess.start({ credentialsFile })
        const request = { name: "zstd", size: 8 * mebibyte, seed: 2, compression: "zstd" } as const
        const image = yield* pushed(request, `${modulePath}/some/module`)
        const repository = `${registry.host}/${modulePath}`
        const hit = yield* missThenHit(
          proxy.packageUrl(image.digest, { repository, path: "some/module" }),
          image
        )
        assert.strictEqual(hit.headers["content-type"], "application/zstd")
        assert.strictEqual(hit.headers["content-disposition"], `attachment; filename=${image.digest}.tar.zst`)
      }).pipe(Effect.scoped, showLogsOnFailure)
    )

    it.effect("serves the platform's image of an index", () =>
      Effect.gen(function* () {
        const { credentialsFile, layout, registry } = yield* RegistryFixture
        const index = yield* layout.index({ name: "index", size: mebibyte, seed: 3 }, ["amd64", "arm64"])
        yield* registry.push(layout, index, clusterPath)
        for (const architecture of ["amd64", "arm64"]) {
          const image = index.images[architecture]
          assert.isDefined(image)
          const proxy = yield* ProxyProcess.start({
            credentialsFile,
            args: ["--platform", `linux/${architecture}`]
          })
          yield* missThenHit(proxy.packageUrl(index.digest), image)
        }
        const other = yield* ProxyProcess.start({ credentialsFile, args: ["--platform", "linux/s390x"] })
        const { detail, status } = yield* Download.requestProblem(other.packageUrl(index.digest))
        assert.strictEqual(status, 404)
        assert.include(detail, "linux/s390x")
      }).pipe(Effect.scoped, showLogsOnFailure)
    )

    it.effect("serves the bootstrap script's urllib client and curl", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const { credentialsFile, directory } = yield* RegistryFixture
        const proxy = yield* ProxyProcess.start({ credentialsFile })
        const image = yield* pushed({ name: "clients", size: 3 * mebibyte, seed: 4 }, clusterPath)
        const url = proxy.packageUrl(image.digest)
        const wanted = yield* fs.readFile(image.package.path)

        const fetched = path.join(directory, "fetched")
        const status = yield* Command.run("python3", [fetchPy, url, "a-token", fetched])
        assert.strictEqual(status, "registry-packages-proxy; fwd=miss; stored\n")
        assert.isTrue(Buffer.from(yield* fs.readFile(fetched)).equals(wanted))
        yield* untilCached(url)

        const curled = path.join(directory, "curled")
        const report = ["--write-out", "%{http_code} %header{cache-status}"]
        assert.strictEqual(
          yield* Command.run("curl", ["-sSf", "-o", curled, ...report, url]),
          "200 registry-packages-proxy; hit"
        )
        assert.isTrue(Buffer.from(yield* fs.readFile(curled)).equals(wanted))

        // Truncates the file, so that curl resumes the download in the middle.
        yield* fs.truncate(curled, mebibyte)
        assert.strictEqual(
          yield* Command.run("curl", ["-sSf", "-C", "-", "-o", curled, ...report, url]),
          "206 registry-packages-proxy; hit"
        )
        assert.isTrue(Buffer.from(yield* fs.readFile(curled)).equals(wanted))
      }).pipe(Effect.scoped, showLogsOnFailure)
    )

    it.effect("responds 404 for a package that the registry does not have", () =>
      Effect.gen(function* () {
        const { credentialsFile } = yield* RegistryFixture
        const proxy = yield* ProxyProcess.start({ credentialsFile })
        const { status } = yield* Download.requestProblem(proxy.packageUrl(`sha256:${"0".repeat(64)}`))
        assert.strictEqual(status, 404)
      }).pipe(Effect.scoped, showLogsOnFailure)
    )
  }
)
