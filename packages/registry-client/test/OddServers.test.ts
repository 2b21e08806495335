import { assert, describe, it } from "@effect/vitest"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import { RepositoryName } from "@registry-packages-proxy/oci/RepositoryName"
import { utf8AsLatin1 } from "@registry-packages-proxy/testkit/wire/Latin1"
import { locationCases } from "@registry-packages-proxy/testkit/wire/LocationCases"
import { TestBuffers } from "@registry-packages-proxy/testkit/registry-client/TestBuffers"
import { oddResponses } from "@registry-packages-proxy/testkit/wire/OddResponses"
import * as RawServer from "@registry-packages-proxy/testkit/wire/RawServer"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { Effect, Layer, Option, Redacted, Result } from "effect"
import * as NodeUpstream from "../src/NodeUpstream.ts"
import { RegistryClient } from "../src/RegistryClient.ts"
import * as FakeUpstream from "./FakeUpstream.ts"
import { reason } from "./FailureReason.ts"

const name = RepositoryName.make("some/packages")
const content = Buffer.from("the package")
const image = RegistryImage.ofPackage(content)
const layer = Option.getOrThrow(Option.fromUndefinedOr(image.layer))
const credential = { _tag: "Basic", username: "user", password: Redacted.make("pass") } as const
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1")

const manifest = (headers: Readonly<Record<string, string>> = {}) =>
  RawServer.withContentLength(200, latin1(image.bytes), { "Content-Type": image.mediaType, ...headers })

/**
 * Pulls a package from a server. `respond` makes the server's responses. If `respond` returns undefined, the server
 * responds as a usual registry.
 */
const pull = Effect.fnUntraced(function* (
  respond: (request: RawServer.RawRequest) => RawServer.RawResponse | undefined
) {
  const server = yield* RawServer.make((request) => {
    const special = respond(request)
    if (special !== undefined) return special
    if (request.target.includes("/manifests/")) return manifest()
    return request.target.includes("/blobs/")
      ? RawServer.withContentLength(200, latin1(content))
      : RawServer.withContentLength(404, "")
  })
  const source = FakeUpstream.source({ scheme: "http", host: FakeUpstream.host(server.host), credential })
  const buffers = new TestBuffers(64 * 1024)
  const result = yield* RegistryClient.use((client) =>
    Effect.gen(function* () {
      const found = yield* client.resolve({ source, name }, image.digest, Platform.make("linux/amd64"))
      return latin1(yield* buffers.collect(client.blob({ source, name }, found, 0, buffers)))
    })
  ).pipe(Effect.provide(RegistryClient.layer.pipe(Layer.provide(NodeUpstream.layer()))), Effect.result)
  return { result, server }
})

describe("response heads of 21 KB, as from Google's Artifact Registry", () => {
  const fields = Object.fromEntries(
    Array.from({ length: 21 }, (_, index) => [`X-Meta-${index}`, "v".repeat(1000)])
  )
  for (const [where, answer] of [
    ["a manifest", ({ target }) => (target.includes("/manifests/") ? manifest(fields) : undefined)],
    [
      "a blob",
      ({ target }) =>
        target.includes("/blobs/") ? RawServer.withContentLength(200, latin1(content), fields) : undefined
    ],
    [
      "a Location",
      ({ target }) =>
        target.includes("/blobs/")
          ? RawServer.withContentLength(307, "", { Location: `/raw?token=${"A".repeat(18_000)}` })
          : target.startsWith("/raw?token=AAA")
            ? RawServer.withContentLength(200, latin1(content))
            : undefined
    ],
    [
      "a challenge",
      ({ headers }) =>
        headers["authorization"] === undefined
          ? RawServer.withContentLength(401, "", { ...fields, "WWW-Authenticate": 'Basic realm="x"' })
          : undefined
    ]
  ] as ReadonlyArray<readonly [string, Parameters<typeof pull>[0]]>) {
    it.effect(
      `are read before ${where}`,
      Effect.fn(function* () {
        assert.strictEqual(Result.getOrThrow((yield* pull(answer)).result), latin1(content))
      })
    )
  }

  it.effect(
    "are refused with the reason if they are longer than 256 KiB",
    Effect.fn(function* () {
      const endless = { "X-Meta": "v".repeat(300_000) }
      const { result, server } = yield* pull(() => manifest(endless))
      assert.deepInclude(reason(result), { _tag: "InvalidResponse" })
      assert.include(reason(result)["detail"], "longer than 256 KiB")
      assert.lengthOf(server.requests, 1)
    })
  )
})

describe("a manifest response", () => {
  // The tests of node-net show how these responses are read. This test shows that a pull works with them.
  for (const { bytes, closesConnection, situation } of oddResponses.filter(
    ({ expected }) => expected._tag === "Response" && expected.status === 200 && expected.body === "hello"
  )) {
    it.effect(
      `with ${situation}`,
      Effect.fn(function* () {
        const body = latin1(image.bytes)
        const text = bytes
          .replace(/5, 5/, `${body.length}, ${body.length}`)
          .replaceAll(/(Content-Length:[ \t]*)5/g, `$1${body.length}`)
          .replace(/0*5[ ;][^\r]*\r\nhello|0*5\r\nhello/, `${body.length.toString(16)}\r\n${body}`)
          .replace("hello", () => body)
        const { result } = yield* pull(({ target }) =>
          target.includes("/manifests/")
            ? RawServer.rawResponse(text, closesConnection === true ? "end" : undefined)
            : undefined
        )
        assert.strictEqual(Result.getOrThrow(result), latin1(content))
      })
    )
  }
})

describe("the Location of a blob", () => {
  for (const { location, expectedRequest, situation } of locationCases.filter(
    ({ expectedRequest }) => expectedRequest?.host === "registry.test"
  )) {
    const target = expectedRequest?.target ?? ""
    it.effect(
      `with ${situation}`,
      Effect.fn(function* () {
        const at = `/v2/a/blobs/x?q=1`
        const { result, server } = yield* pull((request) => {
          if (request.target === target && request.target !== at)
            return RawServer.withContentLength(200, latin1(content))
          if (request.target.includes(layer.digest))
            return RawServer.withContentLength(307, "", { Location: at })
          return request.target === at
            ? RawServer.withContentLength(307, "", { Location: location })
            : undefined
        })
        if (target === at) assert.include(reason(result)["detail"], "circle")
        else {
          assert.strictEqual(Result.getOrThrow(result), latin1(content))
          assert.strictEqual(server.requests.at(-1)?.headers["host"], server.host)
        }
      })
    )
  }

  it.effect(
    "may name another server, which receives the host as it is written",
    Effect.fn(function* () {
      const store = yield* RawServer.make(() => RawServer.withContentLength(200, latin1(content)))
      const { result } = yield* pull(({ target }) =>
        target.includes("/blobs/")
          ? RawServer.withContentLength(307, "", {
              Location: `HTTP://LocalHost:${store.port}/raw?${utf8AsLatin1("ф")}='`
            })
          : undefined
      )
      assert.strictEqual(Result.getOrThrow(result), latin1(content))
      assert.deepInclude(store.requests[0], { target: `/raw?${utf8AsLatin1("ф")}='` })
      assert.strictEqual(store.requests[0]?.headers["host"], `LocalHost:${store.port}`)
    })
  )
})
