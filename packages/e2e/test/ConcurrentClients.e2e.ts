import { assert, layer } from "@effect/vitest"
import { Console, Effect } from "effect"
import { requestsForDigest } from "../src/registries/AccessLog.ts"
import * as ProxyProcess from "../src/program/ProxyProcess.ts"
import { clusterPath } from "../src/program/CredentialsFile.ts"
import * as Download from "../src/clients/Download.ts"
import { showLogsOnFailure } from "../src/machine/Logs.ts"
import * as Eventually from "../src/machine/Eventually.ts"
import * as ProcessMemory from "../src/machine/ProcessMemory.ts"
import { layerOptions, RegistryFixture } from "../src/fixtures/RegistryFixture.ts"

const clients = 100
const mebibyte = 1024 * 1024

layer(RegistryFixture.layerDebian, layerOptions)("Many clients of one uncached package", (it) => {
  it.effect(`cause one manifest and one blob request for ${clients} clients`, () =>
    Effect.gen(function* () {
      const { credentialsFile, layout, registry } = yield* RegistryFixture
      const proxy = yield* ProxyProcess.start({ credentialsFile })
      const warmUp = yield* layout.image({ name: "warm-up", size: 20 * 1024, seed: 1 })
      const image = yield* layout.image({ name: "wanted", size: 64 * mebibyte, seed: 2 })
      yield* registry.push(layout, warmUp, clusterPath)
      yield* registry.push(layout, image, clusterPath)
      // Warms up: the program's first request to the registry gets a challenge and is sent twice.
      assert.isTrue(
        (yield* Download.downloadAndCompare(proxy.packageUrl(warmUp.digest), warmUp.package.path)).isUnchanged
      )
      const pushRequests = registry.requests().length
      const before = yield* ProcessMemory.read(proxy.pid)

      const downloads = yield* Effect.all(
        Array.from({ length: clients }, () =>
          Download.downloadAndCompare(proxy.packageUrl(image.digest), image.package.path)
        ),
        { concurrency: "unbounded" }
      )
      const after = yield* ProcessMemory.read(proxy.pid)

      assert.isTrue(downloads.every(({ isUnchanged, status }) => status === 200 && isUnchanged))
      const how = downloads.map(({ cacheStatus }) => cacheStatus)
      assert.strictEqual(how.filter((status) => status === "fwd=miss; stored").length, 1)

      // The registry logs a request some time after its response.
      const requests = () => registry.requests().slice(pushRequests)
      const seen = (digest: string) => requestsForDigest(requests(), digest)
      yield* Eventually.isTrue(
        "the blob in the registry's log",
        Effect.sync(() => seen(image.package.digest).length > 0)
      )
      assert.deepStrictEqual(seen(image.digest), ["GET manifests 200"])
      assert.deepStrictEqual(seen(image.package.digest), ["GET blobs 200"])

      const mebibytes = (value: number) => `${value.toFixed(0)} MiB`
      yield* Console.log(
        `${clients} clients of one 64 MiB miss: ${how.filter((status) => status.endsWith("collapsed")).length} collapsed, ` +
          `resident memory ${mebibytes(before.residentMiB)} before, ${mebibytes(after.peakMiB)} peak ` +
          `(${mebibytes(after.peakMiB - before.residentMiB)} more), ${mebibytes(after.residentMiB)} after`
      )
    }).pipe(Effect.scoped, showLogsOnFailure)
  )
})
