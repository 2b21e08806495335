import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import { Effect, FileSystem } from "effect"
import { unpackTar } from "modern-tar"
import { gunzipSync, zstdDecompressSync } from "node:zlib"
import * as PackageFile from "../../src/clients/PackageFile.ts"

const unpacks = { gzip: gunzipSync, zstd: zstdDecompressSync }

describe("PackageFile", () => {
  for (const compression of ["gzip", "zstd"] as const) {
    it.effect(`is a tar of one file, compressed with ${compression}, with correct digests`, () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const directory = yield* fs.makeTempDirectoryScoped()
        const file = yield* PackageFile.make(directory, { size: 3_000_000, seed: 1, compression })
        const bytes = yield* fs.readFile(file.path)
        assert.strictEqual(file.size, bytes.length)
        assert.strictEqual(file.digest, digestOf(bytes, "sha256"))
        assert.isTrue(file.path.endsWith(file.digest.slice("sha256:".length)))
        const tar = unpacks[compression](bytes)
        assert.strictEqual(file.diffId, digestOf(tar, "sha256"))
        const [entry, ...others] = yield* Effect.promise(() => unpackTar(new Uint8Array(tar)))
        assert.deepStrictEqual([entry?.header.size, others], [3_000_000, []])
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
    )
  }

  it.effect("has the same bytes for the same request, and others for another seed", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const make = (seed: number) => PackageFile.make(directory, { size: 1000, seed })
      const [one, same, other] = [yield* make(1), yield* make(1), yield* make(2)]
      assert.strictEqual(one.digest, same.digest)
      assert.notStrictEqual(one.digest, other.digest)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
