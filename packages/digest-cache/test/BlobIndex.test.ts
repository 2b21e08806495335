import { assert, describe, it } from "@effect/vitest"
import { BlobIndex } from "@registry-packages-proxy/digest-cache/BlobIndex"
import type { BlobName } from "@registry-packages-proxy/digest-cache/BlobName"
import type { StoredBlob } from "@registry-packages-proxy/digest-cache/Blob"
import { Digest } from "@registry-packages-proxy/oci/Digest"
import { Option } from "effect"
import fc from "fast-check"

const keys = ["a", "b", "c"] as const
const digest = (character: string) => Digest.make(`sha256:${character.repeat(64)}`)

const nameOf = (key: string): BlobName => ({
  manifestDigest: digest(key),
  platform: Option.none(),
  layerDigest: digest("f"),
  size: 1,
  compression: "gzip"
})

const operation = fc.record({
  act: fc.constantFrom("add", "add again", "use", "remove"),
  key: fc.constantFrom(...keys)
})

describe("BlobIndex", () => {
  it("has blobs in the order of their last use, whatever is added, used and removed", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
        const index = new BlobIndex<StoredBlob>()
        let expected: ReadonlyArray<StoredBlob> = []
        const latest = new Map<string, StoredBlob>()
        for (const { act, key } of operations) {
          const blob = latest.get(key)
          if (act === "add") {
            const added: StoredBlob = { name: nameOf(key) }
            expected = [...expected.filter((one) => one !== blob), added]
            latest.set(key, added)
            index.add(added)
          } else if (blob !== undefined) {
            const isThere = expected.includes(blob)
            expected = expected.filter((one) => one !== blob)
            if (act === "add again") {
              expected = [...expected, blob]
              index.add(blob)
            } else if (act === "use") {
              if (isThere) expected = [...expected, blob]
              index.touchBlob(blob)
            } else assert.strictEqual(index.remove(blob), isThere)
          }
        }
        assert.deepStrictEqual(index.all(), expected)
        assert.strictEqual(index.count, expected.length)
      })
    )
  })
})
