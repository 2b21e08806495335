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
import { reason } from "../../FailureReason.ts"

const bytes = RegistryBlob.randomBytes(11, 1000)
const layer = { layerDigest: digestOf(bytes), size: bytes.length }

/** Runs an effect in virtual time until the effect ends, and returns its `Result`. */
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

const rangeOf = ({ headers }: FakeUpstream.ReceivedRequest): string | undefined => headers["range"]

interface BlobRow {
  readonly situation: string
  /** Clients that also accept the response, according to their source code of August 2026. */
  readonly sameIn: string
  readonly offset?: number
  readonly respond: (request: FakeUpstream.ReceivedRequest) => FakeUpstream.FakeResponse
  /** The Range field of each expected request. */
  readonly ranges: ReadonlyArray<string | undefined>
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
const restRange = "bytes=300-999"

const accepted: ReadonlyArray<BlobRow> = [
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
    sameIn: "go-containerregistry, but for gzip",
    respond: () => whole({ "content-encoding": encoding, "content-length": "1000" }),
    ranges: [undefined]
  })),
  {
    situation: "a Content-Length that promises more than the manifest's size",
    sameIn: "containerd",
    respond: () => whole({ "content-length": "1024" }),
    ranges: [undefined]
  },
  {
    situation: "no Content-Length",
    sameIn: "docker, containerd, go-containerregistry",
    respond: () => whole(),
    ranges: [undefined]
  },
  {
    situation: "a 206 for the whole, without a requested range",
    sameIn: "containerd",
    respond: () => whole({ "content-length": "1000", "content-range": "bytes 0-999/1000" }, 206),
    ranges: [undefined]
  },
  {
    situation: "a 206 for the whole without Content-Range",
    sameIn: "containerd",
    respond: () => whole({ "content-length": "1000" }, 206),
    ranges: [undefined]
  },
  {
    situation: "a 206 for a first part, without a requested range: the rest is requested",
    sameIn: "none",
    respond: (question) =>
      rangeOf(question) === undefined
        ? { status: 206, body: bytes.slice(0, 300), headers: { "content-range": "bytes 0-299/1000" } }
        : rest({ "content-range": "bytes 300-999/1000" }),
    ranges: [undefined, restRange]
  },
  {
    situation: "a 206 without Content-Range whose length is the rest's",
    sameIn: "containerd",
    offset: 300,
    respond: () => rest({ "content-length": "700" }),
    ranges: [restRange]
  },
  {
    situation: "a 206 without Content-Range and without a length",
    sameIn: "containerd",
    offset: 300,
    respond: () => rest({}),
    ranges: [restRange]
  },
  {
    situation: "a 206 with an invalid Content-Range",
    sameIn: "containerd",
    offset: 300,
    respond: () => rest({ "content-length": "700", "content-range": "bytes */1000" }),
    ranges: [restRange]
  },
  {
    situation: "a 206 for the whole in answer to a range, without Content-Range: its known bytes are skipped",
    sameIn: "none",
    offset: 300,
    respond: () => whole({ "content-length": "1000" }, 206),
    ranges: [restRange]
  },
  {
    situation: "a 206 that begins earlier: its known bytes are skipped",
    sameIn: "none",
    offset: 300,
    respond: () => ({
      status: 206,
      body: bytes.slice(200),
      headers: { "content-range": "bytes 200-999/1000" }
    }),
    ranges: [restRange]
  },
  {
    situation: "a 206 of another total",
    sameIn: "containerd, docker",
    offset: 300,
    respond: () => rest({ "content-range": "bytes 300-999/1001" }),
    ranges: [restRange]
  },
  {
    situation: "a 206 of an unknown total",
    sameIn: "containerd, docker",
    offset: 300,
    respond: () => rest({ "content-range": "bytes 300-999/*" }),
    ranges: [restRange]
  },
  {
    situation: "a 206 that ends too soon: the missing bytes are requested",
    sameIn: "containerd",
    offset: 300,
    respond: (question) =>
      rangeOf(question) === restRange
        ? { status: 206, body: bytes.slice(300, 600), headers: { "content-range": "bytes 300-599/1000" } }
        : { status: 206, body: bytes.slice(600), headers: { "content-range": "bytes 600-999/1000" } },
    ranges: [restRange, "bytes=600-999"]
  },
  {
    situation: "a 206 under a Content-Encoding",
    sameIn: "go-containerregistry, but for gzip",
    offset: 300,
    respond: () => rest({ "content-range": "bytes 300-999/1000", "content-encoding": "gzip" }),
    ranges: [restRange]
  },
  {
    situation: "a 200 for the part, with its Content-Range",
    sameIn: "containerd",
    offset: 300,
    respond: () => rest({ "content-range": "bytes 300-999/1000", "content-length": "700" }, 200),
    ranges: [restRange]
  },
  {
    situation: "a 200 for the part, by its length alone",
    sameIn: "none",
    offset: 300,
    respond: () => rest({ "content-length": "700" }, 200),
    ranges: [restRange]
  },
  {
    situation: "a 200 for the whole in answer to a range: its known bytes are skipped",
    sameIn: "containerd",
    offset: 300,
    respond: () => whole({ "content-length": "1000" }),
    ranges: [restRange]
  },
  ...([400, 416, 501] as const).map((status): BlobRow => ({
    situation: `a range refused by ${status}: the whole blob is requested once, its known bytes skipped`,
    sameIn: "none: containerd and docker fail",
    offset: 300,
    respond: (question) => (rangeOf(question) === undefined ? whole() : { status }),
    ranges: [restRange, undefined]
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
    situation: `a 206 ${what}: the whole blob is requested once`,
    sameIn: "none: docker fails, containerd takes it",
    offset: 300,
    respond: (question) => (rangeOf(question) === undefined ? whole() : rest(headers)),
    ranges: [restRange, undefined]
  }))
]

describe("a blob with misleading headers", () => {
  for (const { ranges, respond, sameIn, offset = 0, situation } of accepted) {
    it.effect(
      `is accepted: ${situation} (same in: ${sameIn})`,
      Effect.fn(function* () {
        const fake = FakeUpstream.make(respond)
        const result = yield* Effect.provide(readFrom(offset), fake.layer)
        assert.deepStrictEqual(fake.requests.map(rangeOf), ranges)
        assert.isTrue(Result.isSuccess(result))
        if (Result.isSuccess(result)) assert.deepStrictEqual(result.success, bytes.slice(offset))
        assert.strictEqual(fake.open(), 0)
      })
    )
  }

  it.effect(
    "is refused if it has the length of the rest although no range was requested",
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
    "is not requested by range again after a range was refused",
    Effect.fn(function* () {
      const fake = FakeUpstream.make((question, count) =>
        rangeOf(question) !== undefined
          ? { status: 416 }
          : { status: 200, body: bytes.slice(0, count === 1 ? 300 : count === 3 ? 600 : 1000) }
      )
      const result = yield* Effect.provide(readFrom(0), fake.layer)
      assert.deepStrictEqual(Result.getOrThrow(result), bytes)
      assert.deepStrictEqual(fake.requests.map(rangeOf), [undefined, restRange, undefined, undefined])
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
      `is refused before the first byte: ${what}`,
      Effect.fn(function* () {
        const fake = FakeUpstream.make(() => answer)
        const result = yield* Effect.provide(readFrom(offset), fake.layer)
        assert.strictEqual(reason(result)["_tag"], "InvalidResponse")
        assert.strictEqual(fake.requests.length, asks)
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

describe("a manifest with misleading headers", () => {
  for (const [coding, encode] of codings) {
    it.effect(
      `is decoded if it is encoded (${coding} by ${encode.name}; same in: containerd, docker, except br)`,
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
      `is refused if it decodes to more than 4 MiB (${coding} by ${encode.name})`,
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
      `is read as it is if it is plain despite Content-Encoding: ${encoding}`,
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
    "is refused if it is encoded four times",
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
    "is decoded twice if it is encoded twice",
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

describe("a token response with misleading headers", () => {
  for (const [coding, encode] of codings) {
    for (const [what, body] of [
      ["encoded", encode(Buffer.from('{"token":"t"}'))],
      ["although plain", Buffer.from('{"token":"t"}')]
    ] as const) {
      it.effect(
        `is read with Content-Encoding: ${coding} (${encode.name}), ${what}`,
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
    "is refused if it decodes to more than 1 MiB",
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
        otherServer: { role: "token", host: "auth.test" }
      })
    })
  )
})

/** Makes a manifest whose last layer has these fields. */
const withLayer = (changes: Readonly<Record<string, unknown>>) =>
  RegistryImage.ofBytes(
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
  readonly blob: (request: FakeUpstream.ReceivedRequest, count: number) => FakeUpstream.FakeResponse
  /** The method and the Range field of each expected request for the blob. */
  readonly requests: ReadonlyArray<string>
  readonly outcome: number | Readonly<Record<string, unknown>>
}

const head = { status: 200, headers: { "content-length": "1000" } }
const isHead = ({ method }: FakeUpstream.ReceivedRequest): boolean => method === "HEAD"

const probes: ReadonlyArray<ProbeRow> = [
  { situation: "a size and a plain type", layer: {}, blob: () => head, requests: [], outcome: 1000 },
  {
    situation: "no size: the registry is asked for the length",
    layer: { size: 0 },
    blob: () => head,
    requests: ["HEAD"],
    outcome: 1000
  },
  {
    situation: "no size, and a registry that does not support HEAD",
    layer: { size: 0 },
    blob: (asked) =>
      isHead(asked)
        ? { status: 405 }
        : { status: 206, body: bytes.slice(0, 1), headers: { "content-range": "bytes 0-0/1000" } },
    requests: ["HEAD", "GET bytes=0-0"],
    outcome: 1000
  },
  {
    situation: "no size, and a registry without a length in HEAD and without ranges",
    layer: { size: 0 },
    blob: (asked) => (isHead(asked) ? { status: 200 } : { ...head, body: bytes, afterwards: "silence" }),
    requests: ["HEAD", "GET bytes=0-0"],
    outcome: 1000
  },
  {
    situation: "no size, and no length anywhere: the bytes are counted",
    layer: { size: 0 },
    blob: (asked) => (isHead(asked) ? { status: 200 } : { status: 200, body: bytes }),
    requests: ["HEAD", "GET bytes=0-0", "GET"],
    outcome: 1000
  },
  {
    situation: "no size, and a registry whose partial responses do not give the total: the bytes are counted",
    layer: { size: 0 },
    blob: (asked) =>
      isHead(asked)
        ? { status: 200 }
        : rangeOf(asked) === undefined
          ? { status: 200, body: bytes }
          : { status: 206, body: bytes.slice(0, 1), headers: { "content-range": "bytes 0-0/*" } },
    requests: ["HEAD", "GET bytes=0-0", "GET"],
    outcome: 1000
  },
  {
    situation: "no size, and an aborted body during the count: it is counted again",
    layer: { size: 0 },
    blob: (asked, count) =>
      isHead(asked)
        ? { status: 200 }
        : { status: 200, body: bytes, ...(count < 5 ? { afterwards: "ECONNRESET" } : {}) },
    requests: ["HEAD", "GET bytes=0-0", "GET", "GET"],
    outcome: 1000
  },
  {
    situation: "no size, and no blob",
    layer: { size: 0 },
    blob: () => ({ status: 404 }),
    requests: ["HEAD"],
    outcome: { _tag: "BlobNotFound" }
  },
  {
    situation: "no size, and the digest of an empty blob: no request",
    layer: { size: 0, digest: digestOf(new Uint8Array()) },
    blob: () => ({ status: 404 }),
    requests: [],
    outcome: 0
  },
  {
    situation: "a foreign layer that the registry holds",
    layer: { mediaType: foreignType, urls: ["https://elsewhere.test/layer"] },
    blob: () => head,
    requests: ["HEAD"],
    outcome: 1000
  },
  {
    situation: "a foreign layer that the registry does not hold",
    layer: { mediaType: foreignType },
    blob: () => ({ status: 404 }),
    requests: ["HEAD"],
    outcome: { _tag: "ManifestError" }
  },
  {
    situation: "a foreign layer, and a registry that does not support HEAD",
    layer: { mediaType: foreignType },
    blob: (asked) => (isHead(asked) ? { status: 405 } : { status: 200, body: bytes }),
    requests: ["HEAD", "GET bytes=0-0"],
    outcome: 1000
  },
  {
    situation: "a foreign layer, on a registry that gives no length: the manifest's size is used",
    layer: { mediaType: foreignType },
    blob: (asked) => (isHead(asked) ? { status: 200 } : { status: 200, body: bytes }),
    requests: ["HEAD", "GET bytes=0-0"],
    outcome: 1000
  },
  {
    situation: "a foreign layer, and a registry that refuses both requests",
    layer: { mediaType: foreignType },
    blob: () => ({ status: 400 }),
    requests: ["HEAD", "GET bytes=0-0"],
    outcome: { _tag: "UnexpectedStatus", status: 400 }
  },
  {
    situation: "a foreign layer, on a store whose URLs are signed for GET",
    layer: { mediaType: foreignType },
    blob: (asked) =>
      !asked.url.includes("store.test")
        ? { status: 307, headers: { location: "https://store.test/signed" } }
        : isHead(asked)
          ? { status: 403 }
          : { status: 206, body: bytes.slice(0, 1), headers: { "content-range": "bytes 0-0/1000" } },
    requests: ["HEAD", "HEAD", "GET bytes=0-0", "GET bytes=0-0"],
    outcome: 1000
  }
]

describe("a layer with an incomplete descriptor", () => {
  for (const { blob, requests, layer: described, outcome, situation } of probes) {
    it.effect(
      situation,
      Effect.fn(function* () {
        const manifest = withLayer(described)
        const fake = FakeUpstream.make((asked, count) =>
          asked.url.includes("/manifests/") ? { status: 200, body: manifest.bytes } : blob(asked, count)
        )
        const result = yield* Effect.provide(resolve(manifest.digest), fake.layer)
        const ofBlob = fake.requests.slice(1)
        assert.deepStrictEqual(
          ofBlob.map((asked) =>
            [asked.method, ...(rangeOf(asked) === undefined ? [] : [rangeOf(asked)])].join(" ")
          ),
          requests
        )
        if (typeof outcome === "number") assert.strictEqual(Result.getOrThrow(result).size, outcome)
        else assert.deepInclude(reason(result), outcome)
        assert.strictEqual(fake.open(), 0)
      })
    )
  }

  it.effect(
    "is requested with the same login as its manifest",
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
      assert.strictEqual(fake.requests.length, 3)
    })
  )
})
