import { assert, describe, it } from "@effect/vitest"
import type { Credential } from "@registry-packages-proxy/domain/Credential"
import { digestOf } from "@registry-packages-proxy/oci/DigestVerifier"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { Effect, Fiber, Logger, Redacted, Stream } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import * as fc from "fast-check"
import { RegistryClient } from "../../../src/RegistryClient.ts"
import * as FakeUpstream from "../../FakeUpstream.ts"

/** The layer of 100 bytes. A broken body delivers at least 20 of these bytes, so that a pull has few resumes. */
const blob = RegistryBlob.randomBytes(5, 100)
const fifth = 20
const image = RegistryImage.ofPackage(blob)

const password = { _tag: "Basic", username: "user", password: Redacted.make("s3cret") } as const
const credentials: ReadonlyArray<Credential> = [
  { _tag: "Anonymous" },
  password,
  { _tag: "IdentityToken", token: Redacted.make("refresh-me") },
  { _tag: "IdentityToken", token: Redacted.make("refresh-me"), login: password },
  { _tag: "RegistryToken", token: Redacted.make("registry-token") }
]

/** Matches the secrets in `credentials`. Only the origins in `trusted` may receive these secrets. */
const secret = new RegExp(["s3cret", btoa("user:s3cret"), "refresh-me", "registry-token"].join("|"))
const got = /got-with-login-\d+/

const hosts = ["registry.test", "store.test", "auth.test", "registry.test:8443"]
const address = fc
  .tuple(
    fc.constantFrom("https", "http"),
    fc.constantFrom(...hosts),
    fc.constantFrom("/v2/", "/hop", "/token?x=1")
  )
  .map(([scheme, host, path]) => `${scheme}://${host}${path}`)

const challenge = fc.oneof(
  fc.constantFrom("Basic", "Negotiate", 'Bearer realm="', "Bearer", ""),
  fc
    .tuple(
      fc.oneof(address, fc.constantFrom("/token", "//auth.test/token")),
      fc.constantFrom("", "a", "repository:a/b:pull,push"),
      fc.boolean()
    )
    .map(
      ([realm, scope, lacks]) =>
        `Bearer realm="${realm}",service="",scope="${scope}"${lacks ? ',error="insufficient_scope"' : ""}`
    ),
  address.map((realm) => `Negotiate, Basic realm="x", Bearer realm=${realm}`)
)

type Move =
  | { readonly _tag: "Right" }
  | { readonly _tag: "Status"; readonly status: number; readonly headers: Readonly<Record<string, string>> }
  | { readonly _tag: "Broken"; readonly after: number }
  | { readonly _tag: "NoResponse" }

const status = (
  codes: ReadonlyArray<number>,
  headers: fc.Arbitrary<Readonly<Record<string, string>>>
): fc.Arbitrary<Move> =>
  fc
    .tuple(fc.constantFrom(...codes), headers)
    .map(([status, headers]) => ({ _tag: "Status", status, headers }))

const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Move>({ _tag: "Right" }) },
  {
    weight: 3,
    arbitrary: status(
      [401],
      challenge.map((value) => ({ "www-authenticate": value }))
    )
  },
  {
    weight: 3,
    arbitrary: status(
      [301, 302, 303, 307, 308],
      fc.oneof(address, fc.constantFrom("/elsewhere", "?again", "")).map((location) => ({ location }))
    )
  },
  {
    weight: 3,
    arbitrary: status(
      [200, 204, 206, 400, 401, 403, 404, 405, 416, 429, 500, 501, 503],
      fc.constantFrom<Readonly<Record<string, string>>>(
        {},
        { "content-length": "20" },
        { "content-range": "bytes 0-19/100" },
        { "retry-after": "1" },
        { "retry-after": "9".repeat(30) }
      )
    )
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: fifth, max: 200 }).map((after): Move => ({ _tag: "Broken", after }))
  },
  { weight: 1, arbitrary: fc.constant<Move>({ _tag: "NoResponse" }) }
)

/**
 * A random registry, and random other servers. Each element of `moves` describes one response of any of these servers.
 * The responses use the elements in order, and begin again after the last element.
 */
const world: fc.Arbitrary<World> = fc.record({
  scheme: fc.constantFrom("https" as const, "https" as const, "http" as const),
  credential: fc.constantFrom(...credentials),
  moves: fc.array(move, { minLength: 1, maxLength: 12 })
})

/** The maximum allowed number of requests of one pull. The largest number in 60,000 random tests was 57. */
const maxRequests = 100

const right = (asked: FakeUpstream.ReceivedRequest, issued: () => string): FakeUpstream.FakeResponse => {
  if (asked.url.includes("/token")) return { status: 200, body: JSON.stringify({ token: issued() }) }
  if (asked.url.includes("/manifests/")) return { status: 200, body: image.bytes }
  const start = Number(/^bytes=(\d+)-/.exec(asked.headers["range"] ?? "")?.[1] ?? 0)
  return start === 0
    ? { status: 200, body: blob }
    : { status: 206, body: blob.slice(start), headers: { "content-range": `bytes ${start}-99/100` } }
}

interface World {
  readonly scheme: "https" | "http"
  readonly credential: Credential
  readonly moves: ReadonlyArray<Move>
}

/**
 * Pulls from the registry of this `World`. Asserts that the pull ends and that no secret leaks. Returns the number of
 * requests.
 */
const check = Effect.fnUntraced(function* ({ credential, moves, scheme }: World) {
  /**
   * The origins that may receive the credential. These are the registry's origin and the realms in the registry's own
   * challenges.
   */
  const trusted = new Set([`${scheme}://registry.test`])
  const leaks: Array<string> = []
  let tokens = 0
  const fake = FakeUpstream.make((asked, count) => {
    const url = new URL(asked.url)
    const sent = `${asked.headers["authorization"] ?? ""} ${asked.body} ${asked.url}`
    const ours = `${scheme}://registry.test`
    if (secret.test(sent) && !trusted.has(url.origin)) leaks.push(`${asked.method} ${asked.url}`)
    if (got.test(sent) && url.origin !== ours) leaks.push(`token to ${asked.url}`)
    if (url.protocol === "http:" && scheme === "https" && (secret.test(sent) || got.test(sent)))
      leaks.push(`in plain text: ${asked.url}`)
    const next = moves[count % moves.length] ?? { _tag: "Right" }
    const issued = () => `got-${secret.test(sent) ? "with" : "without"}-login-${++tokens}`
    switch (next._tag) {
      case "Right":
        return right(asked, issued)
      case "Broken": {
        const answer = right(asked, issued)
        return {
          ...answer,
          body: Buffer.from(answer.body ?? "").subarray(0, next.after),
          afterwards: "ECONNRESET"
        }
      }
      case "NoResponse":
        return { code: "ECONNRESET" }
      case "Status": {
        const realm = /Bearer realm="?([^",]+)/.exec(next.headers["www-authenticate"] ?? "")?.[1]
        if (
          next.status === 401 &&
          realm !== undefined &&
          url.origin === ours &&
          URL.canParse(realm, asked.url)
        )
          trusted.add(new URL(realm, asked.url).origin)
        return { ...next, body: blob.slice(0, fifth) }
      }
    }
  })
  const repository = FakeUpstream.repository(credential, { scheme })
  const pull = RegistryClient.use((client) =>
    Effect.gen(function* () {
      const layer = yield* client.resolve(repository, image.digest, Platform.make("linux/amd64"))
      const bytes = Buffer.concat(yield* Stream.runCollect(client.blob(repository, layer, 0)))
      return digestOf(bytes) === layer.layerDigest
    })
  )
  const fiber = yield* Effect.forkChild(Effect.exit(Effect.provide(pull, fake.layer)))
  yield* TestClock.adjust("1 hour")
  const exit = fiber.pollUnsafe()
  assert.isDefined(exit, "it does not end")
  assert.deepStrictEqual(leaks, [])
  assert.isAtMost(fake.requests.length, maxRequests)
  assert.strictEqual(fake.open(), 0)
  yield* Fiber.join(fiber)
  return fake.requests.length
})

describe("with registries that respond at random", () => {
  it("a pull ends after a bounded number of requests, and only the registry and its realms get credentials", () =>
    fc.assert(
      fc.asyncProperty(world, async (world) => {
        await Effect.runPromise(check(world).pipe(Effect.provide([TestClock.layer(), Logger.layer([])])))
      }),
      { numRuns: 500 }
    ))
})
