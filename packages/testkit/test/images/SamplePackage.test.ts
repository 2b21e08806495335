import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { unpackTar } from "modern-tar"
import { gunzipSync } from "node:zlib"
import * as SamplePackage from "../../src/images/SamplePackage.ts"

describe("SamplePackage", () => {
  it.effect(
    "makes a real tar+gzip of about the requested size",
    Effect.fn(function* () {
      for (const size of [4096, 3 * 1024 * 1024]) {
        const bytes = yield* SamplePackage.make({ name: "jq", version: "1.7.1", size })
        assert.closeTo(bytes.length, size, 1024)
        const entries = yield* Effect.promise(() => unpackTar(gunzipSync(bytes)))
        assert.deepStrictEqual(
          entries.map(({ header }) => header.name),
          ["install", "uninstall", "bin/jq"]
        )
        assert.match(new TextDecoder().decode(entries[0]?.data), /^#!\/bin\/bash/)
      }
    })
  )

  it.effect(
    "makes the same bytes for the same request, and different bytes for another seed",
    Effect.fn(function* () {
      const request = { name: "jq", version: "1.7.1", size: 4096 }
      const [first, again, other] = yield* Effect.all([
        SamplePackage.make(request),
        SamplePackage.make(request),
        SamplePackage.make({ ...request, seed: 2 })
      ])
      assert.deepStrictEqual(first, again)
      assert.notDeepEqual(first, other)
    })
  )
})
