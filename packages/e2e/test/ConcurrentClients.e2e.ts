import { assert, layer } from "@effect/vitest"
import { Console, Effect } from "effect"
import { requestsFor } from "../src/registries/AccessLog.ts"
import * as Bundle from "../src/program/Bundle.ts"
import { clusterPath } from "../src/program/CredentialsFile.ts"
import * as Download from "../src/clients/Download.ts"
import { shownOnFailure } from "../src/machine/Logs.ts"
import * as Poll from "../src/machine/Poll.ts"
import * as ProcessMemory from "../src/machine/ProcessMemory.ts"
import { options, TestBed } from "../src/beds/TestBed.ts"

const clients = 100
const mebibyte = 1024 * 1024

layer(TestBed.layerDebian, options)("Many clients of one package that is not cached", (it) => {
  it.effect(`give the registry one manifest and one blob request for ${clients} clients`, () =>
    Effect.gen(function* () {
      const { credentialsFile, layout, registry } = yield* TestBed
      const bundle = yield* Bundle.start({ credentialsFile })
      const warmUp = yield* layout.image({ name: "warm-up", size: 20 * 1024, seed: 1 })
      const image = yield* layout.image({ name: "wanted", size: 64 * mebibyte, seed: 2 })
      yield* registry.push(layout, warmUp, clusterPath)
      yield* registry.push(layout, image, clusterPath)
      // The first request of all is challenged, and asked twice.
      assert.isTrue((yield* Download.compare(bundle.url(warmUp.digest), warmUp.package.path)).isSame)
      const pushRequests = registry.requests().length
      const before = yield* ProcessMemory.read(bundle.pid)

      const downloads = yield* Effect.all(
        Array.from({ length: clients }, () => Download.compare(bundle.url(image.digest), image.package.path)),
        { concurrency: "unbounded" }
      )
      const after = yield* ProcessMemory.read(bundle.pid)

      assert.isTrue(downloads.every(({ isSame, status }) => status === 200 && isSame))
      const how = downloads.map(({ cacheStatus }) => cacheStatus)
      assert.strictEqual(how.filter((status) => status === "fwd=miss; stored").length, 1)

      // The registry logs a request after it was answered, in its own time.
      const requests = () => registry.requests().slice(pushRequests)
      const seen = (digest: string) => requestsFor(requests(), digest)
      yield* Poll.untilTrue(
        "the blob in the registry's log",
        Effect.sync(() => seen(image.package.digest).length > 0)
      )
      assert.deepStrictEqual(seen(image.digest), ["GET manifests 200"])
      assert.deepStrictEqual(seen(image.package.digest), ["GET blobs 200"])

      const mebibytes = (value: number) => `${value.toFixed(0)} MiB`
      yield* Console.log(
        `${clients} clients of one 64 MiB miss: ${how.filter((status) => status.endsWith("collapsed")).length} collapsed, ` +
          `resident memory ${mebibytes(before.resident)} before, ${mebibytes(after.peak)} at most ` +
          `(${mebibytes(after.peak - before.resident)} more), ${mebibytes(after.resident)} after`
      )
    }).pipe(Effect.scoped, shownOnFailure)
  )
})
