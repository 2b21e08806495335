import { assert, describe, it } from "@effect/vitest"
import type { Digest } from "@registry-packages-proxy/oci/Digest"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { Effect, Fiber, Redacted, Result, Stream } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib"
import { RegistryClient } from "../../../src/RegistryClient.ts"
import * as FakeUpstream from "../../FakeUpstream.ts"
import { reason } from "../../Reasons.ts"

const bytes = RegistryBlob.randomBytes(11, 1000)
const layer = { layerDigest: digestOf(bytes), size: bytes.length }

/** Runs to the end, however long it waits. */
const finish = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.result(effect))
    yield* TestClock.adjust("10 minutes")
    return yield* Fiber.join(fiber)
  })

const readFrom = (offset: number) =>
  RegistryClient.use((client) =>
    Stream.runCollect(client.blob(FakeUpstream.repository(), layer, offset))
  ).pipe(
    Effect.map((chunks) => new Uint8Array(Buffer.concat(chunks))),
    finish
  )

const rangeOf = ({ headers }: FakeUpstream.Asked): string | undefined => headers["range"]

interface BlobRow {
  readonly situation: string
  /** Clients that take it so too; facts of their sources, 2026-08. */
  readonly likewise: string
  readonly offset?: number
  readonly answer: (asked: FakeUpstream.Asked) => FakeUpstream.Answer
  /** The Range of each request. */
  readonly asks: ReadonlyArray<string | undefined>
}

const whole = (headers: Readonly<Record<string, string>> = {}, status = 200) => ({
  status,
  body: bytes,
  headers
})
const rest = (headers: Readonly<Record<string, string>>, status = 206) => ({
  status,
  body: bytes.slice(300),
  headers
})
const asked = "bytes=300-999"

const taken: ReadonlyArray<BlobRow> = [
  ...[
    "aws-chunked",
    "x-gzip",
    "gzip",
    "zstd",
    "deflate",
    "br",
    "UTF-8",
    "binary",
    "none",
    "identity",
    "gzip, aws-chunked"
  ].map((encoding): BlobRow => ({
    situation: `the stored bytes under Content-Encoding: ${encoding}`,
    likewise: "go-containerregistry, but for gzip",
    answer: () => whole({ "content-encoding": encoding, "content-length": "1000" }),
    asks: [undefined]
  })),
  {
    situation: "a Content-Length that promises more than the manifest's size",
    likewise: "containerd",
    answer: () => whole({ "content-length": "1024" }),
    asks: [undefined]
  },
  {
    situation: "no Content-Length",
    likewise: "docker, containerd, go-containerregistry",
    answer: () => whole(),
    asks: [undefined]
  },
  {
    situation: "a 206 for the whole, which nobody asked for",
    likewise: "containerd",
    answer: () => whole({ "content-length": "1000", "content-range": "bytes 0-999/1000" }, 206),
    asks: [undefined]
  },
  {
    situation: "a 206 for the whole without Content-Range",
    likewise: "containerd",
    answer: () => whole({ "content-length": "1000" }, 206),
    asks: [undefined]
  },
  {
    situation: "a 206 for a first part, which nobody asked for: the rest is asked for",
    likewise: "none",
    answer: (question) =>
      rangeOf(question) === undefined
        ? { status: 206, body: bytes.slice(0, 300), headers: { "content-range": "bytes 0-299/1000" } }
        : rest({ "content-range": "bytes 300-999/1000" }),
    asks: [undefined, asked]
  },
  {
    situation: "a 206 without Content-Range whose length is the rest's",
    likewise: "containerd",
    offset: 300,
    answer: () => rest({ "content-length": "700" }),
    asks: [asked]
  },
  {
    situation: "a 206 without Content-Range and without a length",
    likewise: "containerd",
    offset: 300,
    answer: () => rest({}),
    asks: [asked]
  },
  {
    situation: "a 206 with a Content-Range that is none",
    likewise: "containerd",
    offset: 300,
    answer: () => rest({ "content-length": "700", "content-range": "bytes */1000" }),
    asks: [asked]
  },
  {
    situation: "a 206 for the whole in answer to a range, without Content-Range: its known bytes are skipped",
    likewise: "none",
    offset: 300,
    answer: () => whole({ "content-length": "1000" }, 206),
    asks: [asked]
  },
  {
    situation: "a 206 that begins earlier: its known bytes are skipped",
    likewise: "none",
    offset: 300,
    answer: () => ({
      status: 206,
      body: bytes.slice(200),
      headers: { "content-range": "bytes 200-999/1000" }
    }),
    asks: [asked]
  },
  {
    situation: "a 206 of another total",
    likewise: "containerd, docker",
    offset: 300,
    answer: () => rest({ "content-range": "bytes 300-999/1001" }),
    asks: [asked]
  },
  {
    situation: "a 206 of an unknown total",
    likewise: "containerd, docker",
    offset: 300,
    answer: () => rest({ "content-range": "bytes 300-999/*" }),
    asks: [asked]
  },
  {
    situation: "a 206 that ends too soon: what is missing is asked for",
    likewise: "containerd",
    offset: 300,
    answer: (question) =>
      rangeOf(question) === asked
        ? { status: 206, body: bytes.slice(300, 600), headers: { "content-range": "bytes 300-599/1000" } }
        : { status: 206, body: bytes.slice(600), headers: { "content-range": "bytes 600-999/1000" } },
    asks: [asked, "bytes=600-999"]
  },
  {
    situation: "a 206 under a Content-Encoding",
    likewise: "go-containerregistry, but for gzip",
    offset: 300,
    answer: () => rest({ "content-range": "bytes 300-999/1000", "content-encoding": "gzip" }),
    asks: [asked]
  },
  {
    situation: "a 200 for the part, with its Content-Range",
    likewise: "containerd",
    offset: 300,
    answer: () => rest({ "content-range": "bytes 300-999/1000", "content-length": "700" }, 200),
    asks: [asked]
  },
  {
    situation: "a 200 for the part, by its length alone",
    likewise: "none",
    offset: 300,
    answer: () => rest({ "content-length": "700" }, 200),
    asks: [asked]
  },
  {
    situation: "a 200 for the whole in answer to a range: its known bytes are skipped",
    likewise: "containerd",
    offset: 300,
    answer: () => whole({ "content-length": "1000" }),
    asks: [asked]
  },
  ...([400, 416, 501] as const).map((status): BlobRow => ({
    situation: `a range refused by ${status}: the whole is asked for once, its known bytes skipped`,
    likewise: "none: containerd and docker fail",
    offset: 300,
    answer: (question) => (rangeOf(question) === undefined ? whole() : { status }),
    asks: [asked, undefined]
  })),
  ...(
    [
      ["that leaves a hole", { "content-range": "bytes 301-999/1000" }],
      ["that contradicts its length", { "content-range": "bytes 300-999/1000", "content-length": "701" }],
      ["of what is known already", { "content-range": "bytes 0-299/1000" }],
      ["in parts", { "content-type": "multipart/byteranges; boundary=x" }],
      ["of a length that is neither the rest's nor the whole's", { "content-length": "70" }]
    ] as const
  ).map(([what, headers]): BlobRow => ({
    situation: `a 206 ${what}: the whole is asked for once`,
    likewise: "none: docker fails, containerd takes it",
    offset: 300,
    answer: (question) => (rangeOf(question) === undefined ? whole() : rest(headers)),
    asks: [asked, undefined]
  }))
]

describe("a blob's labels", () => {
  for (const { answer, asks, likewise, offset = 0, situation } of taken) {
    it.effect(
      `do not refuse ${situation} (likewise: ${likewise})`,
      Effect.fn(function* () {
        const fake = FakeUpstream.make(answer)
        const result = yield* Effect.provide(readFrom(offset), fake.layer)
        assert.deepStrictEqual(fake.asked.map(rangeOf), asks)
        assert.isTrue(Result.isSuccess(result))
        if (Result.isSuccess(result)) assert.deepStrictEqual(result.success, bytes.slice(offset))
        assert.strictEqual(fake.open(), 0)
      })
    )
  }

  it.effect(
    "a whole that has the length of the rest, where no range was asked for, is not taken for the rest",
    Effect.fn(function* () {
      const fake = FakeUpstream.make((question) =>
        rangeOf(question) === undefined
          ? { status: 200, body: bytes.slice(0, 700), headers: { "content-length": "700" } }
          : { status: 416 }
      )
      const result = yield* Effect.provide(readFrom(300), fake.layer)
      assert.strictEqual(reason(result)["_tag"], "InvalidResponse")
    })
  )

  it.effect(
    "a range that was refused is not asked for again in the same body",
    Effect.fn(function* () {
      const fake = FakeUpstream.make((question, count) =>
        rangeOf(question) !== undefined
          ? { status: 416 }
          : { status: 200, body: bytes.slice(0, count === 1 ? 300 : count === 3 ? 600 : 1000) }
      )
      const result = yield* Effect.provide(readFrom(0), fake.layer)
      assert.deepStrictEqual(Result.getOrThrow(result), bytes)
      assert.deepStrictEqual(fake.asked.map(rangeOf), [undefined, asked, undefined, undefined])
    })
  )

  for (const [what, offset, answer, asks] of [
    ["a length that is less than the manifest's size", 0, whole({ "content-length": "999" }), 1],
    [
      "a length that is less than it, once encoded",
      0,
      whole({ "content-length": "99", "content-encoding": "gzip" }),
      1
    ],
    [
      "a 206 that leaves a hole, with and without a range",
      300,
      rest({ "content-range": "bytes 301-999/1000" }),
      2
    ],
    [
      "a whole that is neither as long as the blob nor as the rest",
      300,
      { ...rest({ "content-length": "70" }), status: 200 },
      2
    ]
  ] as const) {
    it.effect(
      `cannot mend ${what}: refused at once, before a byte`,
      Effect.fn(function* () {
        const fake = FakeUpstream.make(() => answer)
        const result = yield* Effect.provide(readFrom(offset), fake.layer)
        assert.strictEqual(reason(result)["_tag"], "InvalidResponse")
        assert.strictEqual(fake.asked.length, asks)
        assert.strictEqual(fake.open(), 0)
      })
    )
  }
})

const image = RegistryImage.ofPackage(bytes)
const resolve = (digest: Digest = image.digest) =>
  finish(
    RegistryClient.use((client) =>
      client.resolve(FakeUpstream.repository(), digest, Platform.make("linux/amd64"))
    )
  )
const codings = [
  ["gzip", gzipSync],
  ["x-gzip", gzipSync],
  ["deflate", deflateSync],
  ["deflate", deflateRawSync],
  ["br", brotliCompressSync],
  ["zstd", zstdCompressSync]
] as const

describe("a manifest's labels", () => {
  for (const [coding, encode] of codings) {
    it.effect(
      `an encoded one is decoded (${coding} by ${encode.name}; likewise: containerd, docker, but for br)`,
      Effect.fn(function* () {
        const fake = FakeUpstream.make(() => ({
          status: 200,
          body: encode(image.bytes),
          headers: { "content-encoding": coding, "content-type": image.mediaType }
        }))
        const result = yield* Effect.provide(resolve(), fake.layer)
        assert.strictEqual(Result.getOrThrow(result).layerDigest, layer.layerDigest)
      })
    )

    it.effect(
      `one that decodes to more than is read is refused (${coding} by ${encode.name})`,
      Effect.fn(function* () {
        const bomb = new Uint8Array(5 * 1024 * 1024)
        const fake = FakeUpstream.make(() => ({
          status: 200,
          body: encode(bomb),
          headers: { "content-encoding": coding }
        }))
        const result = yield* Effect.provide(resolve(digestOf(bomb)), fake.layer)
        assert.deepInclude(reason(result), { _tag: "InvalidResponse" })
        assert.include(JSON.stringify(result), "larger than 4194304 bytes")
      })
    )
  }

  for (const encoding of ["gzip", "aws-chunked", "identity", "gzip, gzip, gzip, gzip, gzip"]) {
    it.effect(
      `one that is plain under Content-Encoding: ${encoding} is read as it is`,
      Effect.fn(function* () {
        const fake = FakeUpstream.make(() => ({
          status: 200,
          body: image.bytes,
          headers: { "content-encoding": encoding }
        }))
        assert.isTrue(Result.isSuccess(yield* Effect.provide(resolve(), fake.layer)))
      })
    )
  }

  it.effect(
    "one that is encoded four times is refused",
    Effect.fn(function* () {
      const encode = (bytes: Uint8Array, times: number): Uint8Array =>
        times === 0 ? bytes : encode(gzipSync(bytes), times - 1)
      const fake = FakeUpstream.make(() => ({
        status: 200,
        body: encode(image.bytes, 4),
        headers: { "content-encoding": "gzip, gzip, gzip, gzip" }
      }))
      assert.strictEqual(reason(yield* Effect.provide(resolve(), fake.layer))["_tag"], "InvalidResponse")
    })
  )

  it.effect(
    "one that is encoded twice is decoded twice",
    Effect.fn(function* () {
      const fake = FakeUpstream.make(() => ({
        status: 200,
        body: zstdCompressSync(gzipSync(image.bytes)),
        headers: { "content-encoding": "gzip, zstd" }
      }))
      assert.isTrue(Result.isSuccess(yield* Effect.provide(resolve(), fake.layer)))
    })
  )
})

describe("a token answer's labels", () => {
  for (const [coding, encode] of codings) {
    for (const [what, body] of [
      ["encoded", encode(Buffer.from('{"token":"t"}'))],
      ["plain all the same", Buffer.from('{"token":"t"}')]
    ] as const) {
      it.effect(
        `under Content-Encoding: ${coding} (${encode.name}), ${what}`,
        Effect.fn(function* () {
          const fake = FakeUpstream.make(({ headers, url }) =>
            url.includes("auth.test")
              ? { status: 200, body, headers: { "content-encoding": coding } }
              : headers["authorization"] === "Bearer t"
                ? { status: 200, body: image.bytes }
                : { status: 401, headers: { "www-authenticate": 'Bearer realm="https://auth.test/"' } }
          )
          assert.isTrue(Result.isSuccess(yield* Effect.provide(resolve(), fake.layer)))
        })
      )
    }
  }

  it.effect(
    "one that decodes to more than is read holds no token",
    Effect.fn(function* () {
      const bomb = gzipSync(Buffer.from(`{"token":"t","x":"${"x".repeat(2 * 1024 * 1024)}"}`))
      const fake = FakeUpstream.make(({ url }) =>
        url.includes("auth.test")
          ? { status: 200, body: bomb, headers: { "content-encoding": "gzip" } }
          : { status: 401, headers: { "www-authenticate": 'Bearer realm="https://auth.test/"' } }
      )
      const result = yield* Effect.provide(resolve(), fake.layer)
      assert.deepInclude(reason(result), {
        _tag: "InvalidResponse",
        by: { role: "token", host: "auth.test" }
      })
    })
  )
})

/** A manifest whose last layer is as told. */
const withLayer = (changes: Readonly<Record<string, unknown>>) =>
  RegistryImage.raw(
    JSON.stringify({
      schemaVersion: 2,
      layers: [
        {
          mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
          digest: layer.layerDigest,
          size: 1000,
          ...changes
        }
      ]
    })
  )
const foreignType = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"

interface ProbeRow {
  readonly situation: string
  readonly layer: Readonly<Record<string, unknown>>
  readonly blob: (asked: FakeUpstream.Asked, count: number) => FakeUpstream.Answer
  /** Method and Range of each request for the blob. */
  readonly asks: ReadonlyArray<string>
  readonly outcome: number | Readonly<Record<string, unknown>>
}

const head = { status: 200, headers: { "content-length": "1000" } }
const isHead = ({ method }: FakeUpstream.Asked): boolean => method === "HEAD"

const probes: ReadonlyArray<ProbeRow> = [
  { situation: "a size and a plain type", layer: {}, blob: () => head, asks: [], outcome: 1000 },
  {
    situation: "no size: the registry is asked for its length",
    layer: { size: 0 },
    blob: () => head,
    asks: ["HEAD"],
    outcome: 1000
  },
  {
    situation: "no size, and a registry that does not know HEAD",
    layer: { size: 0 },
    blob: (asked) =>
      isHead(asked)
        ? { status: 405 }
        : { status: 206, body: bytes.slice(0, 1), headers: { "content-range": "bytes 0-0/1000" } },
    asks: ["HEAD", "GET bytes=0-0"],
    outcome: 1000
  },
  {
    situation: "no size, and a registry whose HEAD has no length, nor takes ranges",
    layer: { size: 0 },
    blob: (asked) => (isHead(asked) ? { status: 200 } : { ...head, body: bytes, afterwards: "silence" }),
    asks: ["HEAD", "GET bytes=0-0"],
    outcome: 1000
  },
  {
    situation: "no size, and none anywhere: the whole is counted",
    layer: { size: 0 },
    blob: (asked) => (isHead(asked) ? { status: 200 } : { status: 200, body: bytes }),
    asks: ["HEAD", "GET bytes=0-0", "GET"],
    outcome: 1000
  },
  {
    situation: "no size, and a registry whose parts do not say of how much: the whole is counted",
    layer: { size: 0 },
    blob: (asked) =>
      isHead(asked)
        ? { status: 200 }
        : rangeOf(asked) === undefined
          ? { status: 200, body: bytes }
          : { status: 206, body: bytes.slice(0, 1), headers: { "content-range": "bytes 0-0/*" } },
    asks: ["HEAD", "GET bytes=0-0", "GET"],
    outcome: 1000
  },
  {
    situation: "no size, and a whole that breaks off while it is counted: it is counted anew",
    layer: { size: 0 },
    blob: (asked, count) =>
      isHead(asked)
        ? { status: 200 }
        : { status: 200, body: bytes, ...(count < 5 ? { afterwards: "ECONNRESET" } : {}) },
    asks: ["HEAD", "GET bytes=0-0", "GET", "GET"],
    outcome: 1000
  },
  {
    situation: "no size, and no blob",
    layer: { size: 0 },
    blob: () => ({ status: 404 }),
    asks: ["HEAD"],
    outcome: { _tag: "BlobNotFound" }
  },
  {
    situation: "no size, and the digest of nothing: nobody is asked",
    layer: { size: 0, digest: digestOf(new Uint8Array()) },
    blob: () => ({ status: 404 }),
    asks: [],
    outcome: 0
  },
  {
    situation: "a foreign layer that the registry holds",
    layer: { mediaType: foreignType, urls: ["https://elsewhere.test/layer"] },
    blob: () => head,
    asks: ["HEAD"],
    outcome: 1000
  },
  {
    situation: "a foreign layer that the registry does not hold",
    layer: { mediaType: foreignType },
    blob: () => ({ status: 404 }),
    asks: ["HEAD"],
    outcome: { _tag: "ManifestError" }
  },
  {
    situation: "a foreign layer, and a registry that does not know HEAD",
    layer: { mediaType: foreignType },
    blob: (asked) => (isHead(asked) ? { status: 405 } : { status: 200, body: bytes }),
    asks: ["HEAD", "GET bytes=0-0"],
    outcome: 1000
  },
  {
    situation: "a foreign layer, on a registry that says no length: what the manifest says is enough",
    layer: { mediaType: foreignType },
    blob: (asked) => (isHead(asked) ? { status: 200 } : { status: 200, body: bytes }),
    asks: ["HEAD", "GET bytes=0-0"],
    outcome: 1000
  },
  {
    situation: "a foreign layer, and a registry that answers nothing of use",
    layer: { mediaType: foreignType },
    blob: () => ({ status: 400 }),
    asks: ["HEAD", "GET bytes=0-0"],
    outcome: { _tag: "UnexpectedStatus", status: 400 }
  },
  {
    situation: "a foreign layer, on a store whose addresses are signed for GET",
    layer: { mediaType: foreignType },
    blob: (asked) =>
      !asked.url.includes("store.test")
        ? { status: 307, headers: { location: "https://store.test/signed" } }
        : isHead(asked)
          ? { status: 403 }
          : { status: 206, body: bytes.slice(0, 1), headers: { "content-range": "bytes 0-0/1000" } },
    asks: ["HEAD", "HEAD", "GET bytes=0-0", "GET bytes=0-0"],
    outcome: 1000
  }
]

describe("a layer whose descriptor does not say it all", () => {
  for (const { asks, blob, layer: described, outcome, situation } of probes) {
    it.effect(
      situation,
      Effect.fn(function* () {
        const manifest = withLayer(described)
        const fake = FakeUpstream.make((asked, count) =>
          asked.url.includes("/manifests/") ? { status: 200, body: manifest.bytes } : blob(asked, count)
        )
        const result = yield* Effect.provide(resolve(manifest.digest), fake.layer)
        const ofBlob = fake.asked.slice(1)
        assert.deepStrictEqual(
          ofBlob.map((asked) =>
            [asked.method, ...(rangeOf(asked) === undefined ? [] : [rangeOf(asked)])].join(" ")
          ),
          asks
        )
        if (typeof outcome === "number") assert.strictEqual(Result.getOrThrow(result).size, outcome)
        else assert.deepInclude(reason(result), outcome)
        assert.strictEqual(fake.open(), 0)
      })
    )
  }

  it.effect(
    "is asked about with the same login as its manifest",
    Effect.fn(function* () {
      const manifest = withLayer({ size: 0 })
      const fake = FakeUpstream.make(({ headers, url }) =>
        headers["authorization"] === undefined
          ? { status: 401, headers: { "www-authenticate": "Basic" } }
          : url.includes("/manifests/")
            ? { status: 200, body: manifest.bytes }
            : head
      )
      const login = { _tag: "Basic", username: "u", password: Redacted.make("p") } as const
      const descriptor = yield* RegistryClient.use((client) =>
        client.resolve(FakeUpstream.repository(login), manifest.digest, Platform.make("linux/amd64"))
      ).pipe(Effect.provide(fake.layer))
      assert.strictEqual(descriptor.size, 1000)
      assert.strictEqual(fake.asked.length, 3)
    })
  )
})
