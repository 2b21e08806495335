import { assert, describe, it } from "@effect/vitest"
import * as SecureContexts from "../../src/tls/SecureContexts.ts"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import * as RawServer from "@registry-packages-proxy/testkit/wire/RawServer"
import { Effect } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { SecureContext } from "node:tls"
import { ask, clientOf, failureOf } from "../Harness.ts"

/** Connects with `context` to a server with the certificate `tls`. Returns `ok`, or the detail of the failure. */
const connect = Effect.fnUntraced(function* (
  tls: Certificates.IssuedCertificate,
  context: SecureContext,
  options: { readonly hostname?: string; readonly serverName?: string } = {}
) {
  const { hostname = "127.0.0.1", serverName } = options
  const server = yield* RawServer.make(() => RawServer.withContentLength(200, "ok"), { tls })
  const lookup = () => Effect.succeed([{ address: "127.0.0.1", family: 4 }])
  const client = yield* clientOf({ hostname, port: server.port }, { tls: { context, serverName }, lookup })
  const outcome = yield* ask(client)
  return "body" in outcome ? outcome.body : failureOf(outcome).detail
})

const none = SecureContexts.make({ SSL_CERT_FILE: "/nowhere", SSL_CERT_DIR: "/nowhere" })

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "registry-packages-proxy-anchors-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

describe("a trust anchor", () => {
  for (const where of ["withSystem", "withoutSystem"] as const) {
    it.effect(
      `may be any certificate that is configured (${where})`,
      Effect.fn(function* () {
        const root = yield* Certificates.makeAuthority
        const between = yield* root.makeIntermediate()
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
          assert.include(yield* connect(tls, context), expected, what)
        }
      })
    )
  }

  it.effect(
    "does not make a certificate valid that is expired or for another name",
    Effect.fn(function* () {
      const root = yield* Certificates.makeAuthority
      const [expired, other] = [yield* root.issueExpired, yield* root.issueForOtherHost]
      assert.include(yield* connect(expired, none.withoutSystem([root.cert])), "expired")
      assert.include(yield* connect(expired, none.withoutSystem([expired.cert])), "expired")
      assert.include(yield* connect(other, none.withoutSystem([root.cert])), "another name")
      assert.include(yield* connect(other, none.withoutSystem([other.cert])), "another name")
    })
  )

  it.effect(
    "may come from SSL_CERT_FILE and SSL_CERT_DIR, as in Go",
    Effect.fn(function* () {
      const [one, two, three] = [
        yield* Certificates.makeAuthority,
        yield* Certificates.makeAuthority,
        yield* Certificates.makeAuthority
      ]
      const path = yield* directory
      writeFileSync(join(path, "bundle.pem"), `# ours\n${one.cert}\nnonsense\n`)
      writeFileSync(join(path, "two.crt"), two.cert)
      const file = SecureContexts.make({ SSL_CERT_FILE: join(path, "bundle.pem"), SSL_CERT_DIR: "/nowhere" })
      assert.strictEqual(yield* connect(yield* one.issue(), file.withSystem([])), "ok")
      assert.include(yield* connect(yield* two.issue(), file.withSystem([])), "not trusted")
      assert.strictEqual(yield* connect(yield* three.issue(), file.withSystem([three.cert])), "ok")
      assert.strictEqual(yield* connect(yield* one.issue(), file.withSystem([three.cert])), "ok")
      assert.include(yield* connect(yield* one.issue(), file.withoutSystem([three.cert])), "not trusted")
      const folder = SecureContexts.make({ SSL_CERT_FILE: "/nowhere", SSL_CERT_DIR: `/nowhere:${path}` })
      assert.strictEqual(yield* connect(yield* two.issue(), folder.withSystem([])), "ok")
    })
  )
})

describe("a server's key", () => {
  it.effect(
    "may be RSA with 1024 bits, not with fewer",
    Effect.fn(function* () {
      const root = yield* Certificates.makeAuthority
      const context = none.withoutSystem([root.cert])
      assert.strictEqual(yield* connect(yield* root.issue({ rsaBits: 1024 }), context), "ok")
      assert.include(yield* connect(yield* root.issue({ rsaBits: 768 }), context), "too weak")
    })
  )
})

describe("a server's name", () => {
  it.effect(
    "may end in a dot, which TLS ignores",
    Effect.fn(function* () {
      const root = yield* Certificates.makeAuthority
      const tls = yield* root.issue({ subjectAltNames: ["server.example.test"] })
      const hostname = "server.example.test."
      assert.strictEqual(yield* connect(tls, none.withoutSystem([root.cert]), { hostname }), "ok")
    })
  )

  it.effect(
    "may be configured apart from its address, and may be an IP address",
    Effect.fn(function* () {
      const root = yield* Certificates.makeAuthority
      const [named, addressed] = [
        yield* root.issue({ subjectAltNames: ["api.example.test"] }),
        yield* root.issue({ subjectAltNames: ["10.9.8.7"] })
      ]
      const context = none.withoutSystem([root.cert])
      assert.strictEqual(yield* connect(named, context, { serverName: "api.example.test" }), "ok")
      assert.strictEqual(yield* connect(addressed, context, { serverName: "10.9.8.7" }), "ok")
      assert.include(yield* connect(named, context), "another name")
    })
  )

  it.effect(
    "may be only in the common name of the certificate",
    Effect.fn(function* () {
      const root = yield* Certificates.makeAuthority
      const hostname = "server.example.test"
      const tls = yield* root.issue({ commonName: hostname, subjectAltNames: [] })
      assert.strictEqual(yield* connect(tls, none.withoutSystem([root.cert]), { hostname }), "ok")
    })
  )
})
