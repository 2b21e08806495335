import { assert, describe, it } from "@effect/vitest"
import * as TrustAnchors from "@registry-packages-proxy/node-net/tls/TrustAnchors"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import * as RawServer from "@registry-packages-proxy/testkit/wire/RawServer"
import { Effect } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { SecureContext } from "node:tls"
import { ask, clientOf, failureOf } from "../Harness.ts"

/** What a client that trusts so hears from a server with this certificate: `ok`, or why not. */
const hear = Effect.fnUntraced(function* (
  tls: Certificates.ServerCertificate,
  context: SecureContext,
  options: { readonly hostname?: string; readonly serverName?: string } = {}
) {
  const { hostname = "127.0.0.1", serverName } = options
  const server = yield* RawServer.make(() => RawServer.plain(200, "ok"), { tls })
  const lookup = () => Effect.succeed([{ address: "127.0.0.1", family: 4 }])
  const client = yield* clientOf({ hostname, port: server.port }, { tls: { context, serverName }, lookup })
  const outcome = yield* ask(client)
  return "body" in outcome ? outcome.body : failureOf(outcome).detail
})

const none = TrustAnchors.make({ SSL_CERT_FILE: "/nowhere", SSL_CERT_DIR: "/nowhere" })

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "registry-packages-proxy-anchors-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

describe("an anchor", () => {
  for (const where of ["besideSystem", "alone"] as const) {
    it.effect(
      `that a user names is one, whatever it is (${where})`,
      Effect.fn(function* () {
        const root = yield* Certificates.makeAuthority
        const between = yield* root.intermediate()
        const leaf = yield* between.issue()
        const chained = { ...leaf, chain: `${leaf.cert}\n${between.cert}\n` }
        const foreign = yield* Certificates.makeAuthority
        const trust = (...pems: ReadonlyArray<string>) => none[where](pems)
        for (const [what, tls, context, expected] of [
          ["the root", chained, trust(root.cert), "ok"],
          ["the intermediate alone, the chain sent", chained, trust(between.cert), "ok"],
          ["the intermediate alone, the leaf sent", leaf, trust(between.cert), "ok"],
          ["the server's own certificate", leaf, trust(leaf.cert), "ok"],
          ["another authority beside the right one", leaf, trust(foreign.cert, between.cert), "ok"],
          ["the root, the intermediate not sent", leaf, trust(root.cert), "not trusted"],
          ["another authority", chained, trust(foreign.cert), "not trusted"],
          [
            "another certificate of the same authority",
            leaf,
            trust((yield* between.issue()).cert),
            "not trusted"
          ]
        ] as const) {
          assert.include(yield* hear(tls, context), expected, what)
        }
      })
    )
  }

  it.effect(
    "does not make an expired certificate, or one for another name, a good one",
    Effect.fn(function* () {
      const root = yield* Certificates.makeAuthority
      const [expired, other] = [yield* root.issueExpired, yield* root.issueForOther]
      assert.include(yield* hear(expired, none.alone([root.cert])), "expired")
      assert.include(yield* hear(expired, none.alone([expired.cert])), "expired")
      assert.include(yield* hear(other, none.alone([root.cert])), "another name")
      assert.include(yield* hear(other, none.alone([other.cert])), "another name")
    })
  )

  it.effect(
    "of the machine is one: SSL_CERT_FILE and SSL_CERT_DIR name them, as for Go",
    Effect.fn(function* () {
      const [one, two, three] = [
        yield* Certificates.makeAuthority,
        yield* Certificates.makeAuthority,
        yield* Certificates.makeAuthority
      ]
      const path = yield* directory
      writeFileSync(join(path, "bundle.pem"), `# ours\n${one.cert}\nnonsense\n`)
      writeFileSync(join(path, "two.crt"), two.cert)
      const file = TrustAnchors.make({ SSL_CERT_FILE: join(path, "bundle.pem"), SSL_CERT_DIR: "/nowhere" })
      assert.strictEqual(yield* hear(yield* one.issue(), file.besideSystem([])), "ok")
      assert.include(yield* hear(yield* two.issue(), file.besideSystem([])), "not trusted")
      assert.strictEqual(yield* hear(yield* three.issue(), file.besideSystem([three.cert])), "ok")
      assert.strictEqual(yield* hear(yield* one.issue(), file.besideSystem([three.cert])), "ok")
      assert.include(yield* hear(yield* one.issue(), file.alone([three.cert])), "not trusted")
      const folder = TrustAnchors.make({ SSL_CERT_FILE: "/nowhere", SSL_CERT_DIR: `/nowhere:${path}` })
      assert.strictEqual(yield* hear(yield* two.issue(), folder.besideSystem([])), "ok")
    })
  )
})

describe("a server's key", () => {
  it.effect(
    "may be of RSA with 1024 bits, not with less",
    Effect.fn(function* () {
      const root = yield* Certificates.makeAuthority
      const context = none.alone([root.cert])
      assert.strictEqual(yield* hear(yield* root.issue({ rsaBits: 1024 }), context), "ok")
      assert.include(yield* hear(yield* root.issue({ rsaBits: 768 }), context), "too weak")
    })
  )
})

describe("a server's name", () => {
  it.effect(
    "may end in a dot, which is no part of it in TLS",
    Effect.fn(function* () {
      const root = yield* Certificates.makeAuthority
      const tls = yield* root.issue({ names: ["server.example.test"] })
      const hostname = "server.example.test."
      assert.strictEqual(yield* hear(tls, none.alone([root.cert]), { hostname }), "ok")
    })
  )

  it.effect(
    "may be told apart from where it is, an address too",
    Effect.fn(function* () {
      const root = yield* Certificates.makeAuthority
      const [named, addressed] = [
        yield* root.issue({ names: ["api.example.test"] }),
        yield* root.issue({ names: ["10.9.8.7"] })
      ]
      const context = none.alone([root.cert])
      assert.strictEqual(yield* hear(named, context, { serverName: "api.example.test" }), "ok")
      assert.strictEqual(yield* hear(addressed, context, { serverName: "10.9.8.7" }), "ok")
      assert.include(yield* hear(named, context), "another name")
    })
  )

  it.effect(
    "may stand in the subject's CN alone",
    Effect.fn(function* () {
      const root = yield* Certificates.makeAuthority
      const hostname = "server.example.test"
      const tls = yield* root.issue({ commonName: hostname, names: [] })
      assert.strictEqual(yield* hear(tls, none.alone([root.cert]), { hostname }), "ok")
    })
  )
})
