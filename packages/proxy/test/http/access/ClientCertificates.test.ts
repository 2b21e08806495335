import { assert, describe, it } from "@effect/vitest"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { Context, Deferred, Effect, Fiber, Option, Redacted } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import type { IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import { make as makeServer } from "../../../src/http/server/SecureServer.ts"
import { startSecure, tokens } from "../SecureHarness.ts"

const net = process.getBuiltinModule("node:net")
const tls = process.getBuiltinModule("node:tls")

const get = (path: string, token?: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\n${token === undefined ? "" : `Authorization: Bearer ${token}\r\n`}\r\n`

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])

const carol = { commonName: tokens.packages, organizations: ["group-a"], extendedKeyUsage: "client" } as const

const versions = ["TLSv1.2", "TLSv1.3"] as const

/**
 * A client certificate that the server refuses. `words` are in the detail of the 401. `reason` and `verification`
 * (OpenSSL's code) are in the log line.
 */
type Refused = readonly [
  certificate: Certificates.CertificateOptions,
  words: string,
  reason: string,
  verification: string | undefined,
  issuer?: Certificates.CertificateAuthority
]

const detailOf = (body: string): string => (JSON.parse(body) as { readonly detail: string }).detail

/** Returns the fields of the log lines about refused certificates. */
const refusals = (said: ReadonlyArray<ReadonlyArray<unknown>>) =>
  said
    .filter(([message]) => message === "client certificate refused")
    .map(
      ([, fields]) =>
        fields as {
          readonly clientAddress: string
          readonly subject: string
          readonly reason: string
          readonly verification?: string
          readonly suppressed: number
        }
    )

describe("client certificates on the secure port", () => {
  it.effect("authenticate: CN is the user, O its groups", () =>
    Effect.gen(function* () {
      const { clients, package: path, request, reviews } = yield* startSecure({ clientCertificates: true })
      const { cert, key } = yield* clients.issue(carol)
      assert.strictEqual((yield* request(path, { cert, key })).status, 200)
      assert.lengthOf(reviews.receivedReviews.tokens, 0)
      const [user] = reviews.receivedReviews.accesses[0] ?? []
      assert.deepStrictEqual(
        [user?.name, user?.groups],
        [carol.commonName, ["group-a", "system:authenticated"]]
      )
      assert.strictEqual((yield* request("/metrics", { cert, key })).status, 403)
      // Other clients may still authenticate by token.
      assert.strictEqual((yield* request(path, { token: tokens.packages })).status, 200)
      assert.strictEqual((yield* request(path)).status, 401)
    }).pipe(Effect.scoped)
  )

  it.effect("are ignored if not requested, from another authority, for servers only, or not valid now", () =>
    Effect.gen(function* () {
      const { clients, package: path, request } = yield* startSecure({ clientCertificates: true })
      const stranger = yield* Certificates.makeAuthority
      for (const { cert, key } of [
        yield* stranger.issue(carol),
        yield* clients.issue({ ...carol, extendedKeyUsage: "server" }),
        yield* clients.issue({ ...carol, notAfter: new Date(Date.now() - 1000) }),
        yield* clients.issue({ ...carol, notBefore: new Date(Date.now() + 3_600_000) })
      ]) {
        assert.strictEqual((yield* request(path, { cert, key })).status, 401)
        assert.strictEqual((yield* request(path, { cert, key, token: tokens.packages })).status, 200)
      }
      const without = yield* startSecure()
      const { cert, key } = yield* clients.issue(carol)
      assert.strictEqual((yield* without.request(without.package, { cert, key })).status, 401)
    }).pipe(Effect.scoped)
  )

  it.effect("are checked in each request: one that expires on an open connection is refused", () =>
    Effect.gen(function* () {
      const { clients, connect, package: path } = yield* startSecure({ clientCertificates: true })
      const { cert, key } = yield* clients.issue({ ...carol, notAfter: new Date(Date.now() + 600_000) })
      const { exchange, socket } = yield* connect({ cert, key })
      assert.strictEqual(statusOf(yield* exchange(get(path))), 200)
      yield* TestClock.adjust("11 minutes")
      assert.strictEqual(statusOf(yield* exchange(get(path))), 401)
      socket.destroy()
    }).pipe(Effect.scoped)
  )

  it.effect("are the same after a session is resumed", () =>
    Effect.gen(function* () {
      const { clients, connect, package: path } = yield* startSecure({ clientCertificates: true })
      const stranger = yield* Certificates.makeAuthority
      const good = yield* clients.issue(carol)
      const bad = yield* stranger.issue(carol)
      for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
        for (const [own, status] of [
          [{ cert: good.cert, key: good.key }, 200],
          [{ cert: bad.cert, key: bad.key }, 401],
          [{}, 401]
        ] as const) {
          const first = yield* connect({ ...own, maxVersion })
          assert.strictEqual(statusOf(yield* first.exchange(get(path))), status)
          const session = yield* first.session
          first.socket.destroy()
          const second = yield* connect({ ...own, maxVersion, session })
          assert.isTrue(second.socket.isSessionReused())
          assert.strictEqual(statusOf(yield* second.exchange(get(path))), status)
          second.socket.destroy()
        }
      }
    }).pipe(Effect.scoped)
  )

  it.effect("are accepted from any certificate in the file, root or not, also after a renewal", () =>
    Effect.gen(function* () {
      const { clients, package: path, renew, request } = yield* startSecure({ clientCertificates: true })
      const intermediate = yield* clients.makeIntermediate()
      const ofIntermediate = yield* intermediate.issue(carol)
      const ofRoot = yield* clients.issue(carol)
      const stranger = yield* (yield* Certificates.makeAuthority).issue(carol)
      for (const [clientCa, good] of [
        [intermediate.cert, ofIntermediate],
        [ofRoot.cert, ofRoot]
      ] as const) {
        yield* renew({ clientCa })
        for (const maxVersion of versions) {
          const statusWith = ({ cert, key }: Certificates.IssuedCertificate) =>
            Effect.map(request(path, { cert, key, maxVersion }), ({ status }) => status)
          assert.strictEqual(yield* statusWith(good), 200)
          assert.strictEqual(yield* statusWith(good === ofRoot ? ofIntermediate : ofRoot), 401)
          assert.strictEqual(yield* statusWith(stranger), 401)
        }
      }
    }).pipe(Effect.scoped)
  )

  it.effect("are accepted with any extended key usage if an authority of the file signed them", () =>
    Effect.gen(function* () {
      const { clients, connect, package: path, request } = yield* startSecure({ clientCertificates: true })
      const any = { ...carol, extendedKeyUsage: "any" } as const
      const good = yield* clients.issue(any)
      const foreign = yield* (yield* Certificates.makeAuthority).issue(any)
      for (const maxVersion of versions) {
        const with_ = ({ cert, key }: Certificates.IssuedCertificate) => ({ cert, key, maxVersion })
        assert.strictEqual((yield* request(path, with_(good))).status, 200)
        assert.strictEqual((yield* request(path, with_(foreign))).status, 401)
        const first = yield* connect(with_(good))
        const session = yield* first.session
        first.socket.destroy()
        const second = yield* connect({ ...with_(good), session })
        assert.isTrue(second.socket.isSessionReused())
        assert.strictEqual(statusOf(yield* second.exchange(get(path))), 200)
        second.socket.destroy()
      }
    }).pipe(Effect.scoped)
  )
})

describe("a refused client certificate", () => {
  it.effect("is reported in the 401, and in the log with subject and reason", () =>
    Effect.gen(function* () {
      const { clients, package: path, request, said } = yield* startSecure({ clientCertificates: true })
      const stranger = yield* Certificates.makeAuthority
      const unknown = { type: "1.2.3.4", critical: true, value: Uint8Array.of(5, 0) }
      const ended = { ...carol, notAfter: new Date(Date.now() - 1000) }
      const early = { ...carol, notBefore: new Date(Date.now() + 3_600_000) }
      for (const [refusedRequest, words, reason, verification, authority = clients] of [
        [ended, "has expired", "expired", "CERT_HAS_EXPIRED"],
        [early, "is not valid yet", "not-yet-valid", "CERT_NOT_YET_VALID"],
        [carol, "no authority", "unknown-authority", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", stranger],
        [{ ...carol, extendedKeyUsage: "server" }, "not for client", "wrong-usage", "INVALID_PURPOSE"],
        [{ ...carol, extensions: [unknown] }, "cannot be verified", "unverifiable", "UNSPECIFIED"],
        [{ ...carol, subject: "O=group-a" }, "has no CN", "no-common-name", undefined],
        [{ ...carol, subject: "CN=a, CN=b" }, "more than one CN", "several-common-names", undefined]
      ] as ReadonlyArray<Refused>) {
        const certificate = yield* authority.issue(refusedRequest)
        const { cert, key } = certificate
        said.length = 0
        const { body, status } = yield* request(path, { cert, key })
        assert.deepStrictEqual([status, refusals(said)[0]?.reason], [401, reason])
        assert.strictEqual(refusals(said)[0]?.verification, verification)
        assert.include(detailOf(body).slice(0, 200), words)
        assert.lengthOf(refusals(said), 1)
        // With an invalid token, the 401 reports both token and certificate. With a valid token, the status is 200.
        const detail = detailOf((yield* request(path, { cert, key, token: "nonsense" })).body)
        assert.match(detail, /token is not valid.*client certificate/)
        assert.include(detail, words)
        assert.strictEqual((yield* request(path, { cert, key, token: tokens.packages })).status, 200)
      }
      assert.strictEqual(refusals(said)[0]?.subject, "CN=a, CN=b")
    }).pipe(Effect.scoped)
  )

  it.effect("is reported also when it expires on an open connection", () =>
    Effect.gen(function* () {
      const { clients, connect, package: path, said } = yield* startSecure({ clientCertificates: true })
      const { cert, key } = yield* clients.issue({ ...carol, notAfter: new Date(Date.now() + 600_000) })
      const { exchange, socket } = yield* connect({ cert, key })
      assert.strictEqual(statusOf(yield* exchange(get(path))), 200)
      yield* TestClock.adjust("11 minutes")
      assert.match(yield* exchange(get(path)), /^HTTP\/1\.1 401 [^]*has expired/)
      assert.deepInclude(refusals(said)[0], {
        clientAddress: "127.0.0.1",
        subject: `CN=${carol.commonName}, O=group-a`,
        reason: "expired"
      })
      socket.destroy()
    }).pipe(Effect.scoped)
  )

  it.effect("is logged once per reason and minute, with the count of the others", () =>
    Effect.gen(function* () {
      const {
        clients,
        connect,
        package: path,
        request,
        said
      } = yield* startSecure({ clientCertificates: true })
      const organizations = Array.from({ length: 40 }, (_, n) => `o-${n}`)
      const long = { commonName: "x".repeat(60), organizations, extendedKeyUsage: "server" } as const
      const { cert, key } = yield* clients.issue(long)
      for (let n = 0; n < 20; n++) yield* request(path, { cert, key })
      yield* TestClock.adjust("59 seconds")
      // Two requests on one connection count as one refusal.
      const { socket } = yield* connect({ cert, key })
      const answers = yield* Effect.callback<string>((resume) => {
        let text = ""
        socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")))
        socket.once("close", () => resume(Effect.succeed(text)))
        socket.end(get(path) + get(path))
      })
      assert.match(answers, /^HTTP\/1\.1 401/)
      assert.lengthOf(refusals(said), 1)
      assert.isAtMost(refusals(said)[0]?.subject.length ?? 0, 256)
      yield* TestClock.adjust("1 seconds")
      yield* request(path, { cert, key })
      assert.deepStrictEqual(
        refusals(said).map(({ suppressed }) => suppressed),
        [0, 20]
      )
    }).pipe(Effect.scoped)
  )
})

describe("when --client-ca-file changes", () => {
  it.effect("a connection with a verified certificate is closed, and its session is not resumed", () =>
    Effect.gen(function* () {
      const { clients, connect, package: path, renew } = yield* startSecure({ clientCertificates: true })
      const next = yield* Certificates.makeAuthority
      for (const maxVersion of versions) {
        yield* renew({ clientCa: clients.cert })
        const { cert, key } = yield* clients.issue(carol)
        for (const [clientCa, status] of [
          [clients.cert + next.cert, 200],
          [next.cert, 401]
        ] as const) {
          const old = yield* connect({ cert, key, maxVersion })
          assert.strictEqual(statusOf(yield* old.exchange(get(path))), 200)
          const session = yield* old.session
          yield* renew({ clientCa })
          yield* old.closed
          const resumed = yield* connect({ cert, key, maxVersion, session })
          assert.isFalse(resumed.socket.isSessionReused())
          assert.strictEqual(statusOf(yield* resumed.exchange(get(path))), status)
          resumed.socket.destroy()
        }
        const of = yield* next.issue(carol)
        const fresh = yield* connect({ cert: of.cert, key: of.key, maxVersion })
        assert.strictEqual(statusOf(yield* fresh.exchange(get(path))), 200)
        fresh.socket.destroy()
      }
    }).pipe(Effect.scoped)
  )

  it.effect("a certificate of the new authority in the client's chain does not help", () =>
    Effect.gen(function* () {
      const { clients, connect, package: path, renew } = yield* startSecure({ clientCertificates: true })
      const next = yield* Certificates.makeAuthority
      const stranger = yield* next.issue({ commonName: "somebody" })
      for (const maxVersion of versions) {
        for (const sent of [stranger.cert, next.cert]) {
          yield* renew({ clientCa: clients.cert })
          const { cert, key } = yield* clients.issue(carol)
          const chain = { cert: `${cert}\n${sent}`, key, maxVersion }
          const old = yield* connect(chain)
          assert.strictEqual(statusOf(yield* old.exchange(get(path))), 200)
          yield* renew({ clientCa: next.cert })
          assert.strictEqual(yield* old.exchange(get(path)), "")
          const again = yield* connect(chain)
          assert.strictEqual(statusOf(yield* again.exchange(get(path))), 401)
          again.socket.destroy()
        }
      }
    }).pipe(Effect.scoped)
  )

  it.effect("a response in progress is finished first, during authorization and during the body", () =>
    Effect.gen(function* () {
      const {
        clients,
        connect,
        image,
        package: path,
        renew,
        reviews
      } = yield* startSecure({
        clientCertificates: true,
        size: 3_000_000
      })
      const { cert, key } = yield* clients.issue(carol)
      const next = yield* Certificates.makeAuthority
      const [asked, gate] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      reviews.state.beforeResult = Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(gate))
      const deciding = yield* connect({ cert, key })
      const decided = yield* Effect.forkChild(deciding.exchange(get("/metrics")))
      yield* Deferred.await(asked)
      reviews.state.beforeResult = Effect.void
      const reading = yield* connect({ cert, key })
      // The package exceeds the kernel's buffers, so most of it is not sent yet.
      const whole = yield* reading.begin(get(path))
      yield* renew({ clientCa: next.cert })
      yield* Deferred.succeed(gate, undefined)
      const answer = yield* Fiber.join(decided)
      assert.strictEqual(statusOf(answer), 403)
      assert.match(answer, /\r\nconnection: close/i)
      yield* deciding.closed
      const text = yield* whole
      assert.isTrue(
        text.endsWith(Buffer.concat([...(image.layer?.read(0, 3_000_000) ?? [])]).toString("latin1"))
      )
      yield* reading.closed
    }).pipe(Effect.scoped)
  )

  it.effect("a request that is not handled yet is not authenticated", () =>
    Effect.gen(function* () {
      const [authority, clients, next] = yield* Effect.replicateEffect(Certificates.makeAuthority, 3)
      if (authority === undefined || clients === undefined || next === undefined) assert.fail()
      const serving = yield* authority.issue()
      const material = {
        serving: { certificates: serving.chain, privateKey: Redacted.make(serving.key) },
        clientAuthorities: Option.some(clients.cert)
      }
      const secure = makeServer({ material, minVersion: "1.2", metrics: Context.empty() })
      const { cert, key } = yield* clients.issue(carol)
      const certificates = yield* Effect.callback<ReadonlyArray<boolean>>((resume) => {
        const has = (request: IncomingMessage) => secure.certificateOf(request) !== undefined
        secure.server.on("request", (request, response) => {
          const before = has(request)
          secure.setMaterial({ ...material, clientAuthorities: Option.some(next.cert) })
          const after = has(request)
          response.end(() => resume(Effect.succeed([before, after])))
        })
        secure.server.listen(0, "127.0.0.1", () => {
          const address = secure.server.address()
          const port = typeof address === "object" ? address?.port : undefined
          const socket = tls.connect({ host: "127.0.0.1", port, cert, key, rejectUnauthorized: false })
          socket.on("error", () => {})
          socket.write(get("/"))
        })
        return Effect.void
      })
      assert.deepStrictEqual(certificates, [true, false])
      yield* Effect.sync(() => secure.server.closeAllConnections())
      yield* Effect.sync(() => secure.server.close())
    })
  )

  it.effect("a handshake that began before is not trusted, whichever authority signed the certificate", () =>
    Effect.gen(function* () {
      const {
        clients,
        connect,
        package: path,
        port,
        renew,
        request
      } = yield* startSecure({
        clientCertificates: true
      })
      const { cert, key } = yield* clients.issue(carol)
      const next = yield* Certificates.makeAuthority
      const of = yield* next.issue(carol)
      for (const [own, certificate] of [
        ["the previous", { cert, key }],
        ["the current", { cert: of.cert, key: of.key }]
      ] as const) {
        yield* renew({ clientCa: clients.cert })
        const socket = yield* Effect.callback<Socket>((resume) => {
          const socket = net.connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
        })
        // The server has accepted `socket` when it responds to this later connection. So the handshake on `socket` has
        // begun.
        yield* request("/healthz")
        yield* renew({ clientCa: next.cert })
        const late = yield* connect({ ...certificate, socket })
        assert.strictEqual(yield* late.exchange(get(path)), "", own)
      }
      assert.strictEqual((yield* request(path, { cert: of.cert, key: of.key })).status, 200)
    }).pipe(Effect.scoped)
  )

  it.effect("other connections stay open, and all stay open if only the serving certificate changes", () =>
    Effect.gen(function* () {
      const {
        authority,
        clients,
        connect,
        package: path,
        renew
      } = yield* startSecure({
        clientCertificates: true
      })
      const next = yield* Certificates.makeAuthority
      const { cert, key } = yield* clients.issue(carol)
      const proven = yield* connect({ cert, key })
      yield* renew({ serving: yield* authority.issue() })
      assert.strictEqual(statusOf(yield* proven.exchange(get(path))), 200)
      const stranger = yield* next.issue(carol)
      const refused = yield* connect({ cert: stranger.cert, key: stranger.key })
      const byToken = yield* connect()
      for (const { exchange } of [refused, byToken]) {
        assert.strictEqual(statusOf(yield* exchange(get(path, tokens.packages))), 200)
      }
      yield* renew({ clientCa: next.cert })
      yield* proven.closed
      for (const { exchange, socket } of [refused, byToken]) {
        assert.strictEqual(statusOf(yield* exchange(get(path, tokens.packages))), 200)
        socket.destroy()
      }
    }).pipe(Effect.scoped)
  )
})
