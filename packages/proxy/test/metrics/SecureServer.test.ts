import { assert, describe, it } from "@effect/vitest"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { nodeRequest } from "@registry-packages-proxy/testkit/wire/NodeRequest"
import { Context, Duration, Effect, Exit, Fiber, Latch, Option, Redacted, Scope } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import type { ConnectionOptions } from "node:tls"
import { cipherSuites, make as makeServer } from "../../src/http/server/SecureServer.ts"
import { startSecure, tick, tokens } from "../http/SecureHarness.ts"

const net = process.getBuiltinModule("node:net")

const get = (path: string, token?: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\n${token === undefined ? "" : `Authorization: Bearer ${token}\r\n`}\r\n`

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])

describe("TLS on the secure port", () => {
  it.effect("supports TLS 1.2 and 1.3 with the listed cipher suites, and nothing older", () =>
    Effect.gen(function* () {
      const { connect } = yield* startSecure()
      for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
        const { socket } = yield* connect({ minVersion: version, maxVersion: version })
        assert.strictEqual(socket.getProtocol(), version)
        assert.include(cipherSuites, socket.getCipher().name)
        assert.include(socket.getCipher().name, "AES")
        socket.destroy()
      }
      for (const own of [
        { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" },
        { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA" },
        { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA256" }
      ] as ReadonlyArray<ConnectionOptions>) {
        assert.match(yield* Effect.flip(connect(own)), /ALERT|ECONNRESET|EPROTO/)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("supports only TLS 1.3 if that is the minimum version", () =>
    Effect.gen(function* () {
      const { connect } = yield* startSecure({ minVersion: "1.3" })
      assert.match(yield* Effect.flip(connect({ maxVersion: "TLSv1.2" })), /ALERT/)
      const { socket } = yield* connect()
      assert.strictEqual(socket.getProtocol(), "TLSv1.3")
      socket.destroy()
    }).pipe(Effect.scoped)
  )

  it.effect("supports only HTTP/1.1", () =>
    Effect.gen(function* () {
      const { connect } = yield* startSecure()
      const { socket } = yield* connect({ ALPNProtocols: ["h2", "http/1.1"] })
      assert.strictEqual(socket.alpnProtocol, "http/1.1")
      socket.destroy()
      assert.match(yield* Effect.flip(connect({ ALPNProtocols: ["h2"] })), /ALERT/)
    }).pipe(Effect.scoped)
  )

  it.effect("resumes sessions, in which a token is still required", () =>
    Effect.gen(function* () {
      const { connect, package: path } = yield* startSecure()
      for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
        const first = yield* connect({ maxVersion })
        assert.strictEqual(statusOf(yield* first.exchange(get(path, tokens.packages))), 200)
        const session = yield* first.session
        first.socket.destroy()
        const second = yield* connect({ maxVersion, session })
        assert.isTrue(second.socket.isSessionReused())
        assert.strictEqual(statusOf(yield* second.exchange(get(path, tokens.packages))), 200)
        assert.strictEqual(statusOf(yield* second.exchange(get(path))), 401)
        second.socket.destroy()
      }
    }).pipe(Effect.scoped)
  )

  it.effect("serves a new certificate to new connections, and keeps existing ones open", () =>
    Effect.gen(function* () {
      const { authority, connect, renew } = yield* startSecure()
      const before = yield* connect()
      const idle = yield* connect()
      const serving = yield* authority.issue()
      yield* renew({ serving })
      const after = yield* connect()
      assert.notStrictEqual(
        after.socket.getPeerX509Certificate()?.fingerprint256,
        before.socket.getPeerX509Certificate()?.fingerprint256
      )
      assert.strictEqual(after.socket.getPeerX509Certificate()?.toString().trim(), serving.cert.trim())
      for (const { exchange, socket } of [before, idle, after]) {
        assert.strictEqual(statusOf(yield* exchange(get("/healthz"))), 200)
        socket.destroy()
      }
    }).pipe(Effect.scoped)
  )

  it.effect("closes connections that are not TLS, and those whose handshake takes too long", () =>
    Effect.gen(function* () {
      const authority = yield* Certificates.makeAuthority
      const { cert, key } = yield* authority.issue()
      const { server } = makeServer({
        material: {
          serving: { certificates: cert, privateKey: Redacted.make(key) },
          clientAuthorities: Option.none()
        },
        minVersion: "1.2",
        metrics: Context.empty(),
        limits: { handshakeTimeout: Duration.millis(50) }
      })
      const port = yield* Effect.acquireRelease(
        Effect.callback<number>((resume) => {
          server.listen(0, "127.0.0.1", () => {
            const address = server.address()
            resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
          })
        }),
        () => Effect.sync(() => server.close())
      )
      for (const sent of ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", ""]) {
        const answer = yield* Effect.callback<string>((resume) => {
          const socket = net.connect(port, "127.0.0.1", () => socket.write(sent))
          let answer = ""
          socket.on("data", (chunk) => {
            answer += chunk.toString("latin1")
          })
          socket.on("error", () => {})
          socket.once("close", () => resume(Effect.succeed(answer)))
        })
        assert.notInclude(answer, "HTTP/1.1 2")
      }
    }).pipe(Effect.scoped)
  )
})

describe("TLS material that cannot be used", () => {
  it.effect(
    "is logged and retried until there is newer material, while the previous material stays in use",
    () =>
      Effect.gen(function* () {
        const { authority, connect, renewWith, said } = yield* startSecure()
        const served = Effect.map(connect(), ({ socket }) => {
          const certificate = socket.getPeerX509Certificate()?.toString().trim()
          socket.destroy()
          return certificate
        })
        const before = yield* served
        const failures = () => said.filter(([message]) => String(message).includes("cannot be used")).length
        yield* renewWith((now) => ({ ...now, serving: { ...now.serving, certificates: "no certificate" } }))
        assert.strictEqual(failures(), 1)
        assert.strictEqual(yield* served, before)
        for (const delay of ["1 seconds", "2 seconds"] as const) {
          yield* TestClock.adjust(delay)
          yield* tick
        }
        assert.strictEqual(failures(), 3)
        // If the server fails to apply material once, it retries and then uses the material.
        const [passing, last] = [yield* authority.issue(), yield* authority.issue()]
        let attempts = 0
        yield* renewWith(() => ({
          serving: { certificates: passing.cert, privateKey: Redacted.make(passing.key) },
          get clientAuthorities(): Option.Option<string> {
            if (++attempts === 1) throw new Error("out of memory")
            return Option.none()
          }
        }))
        assert.strictEqual(yield* served, before)
        yield* TestClock.adjust("1 seconds")
        yield* tick
        assert.strictEqual(yield* served, passing.cert.trim())
        yield* renewWith((now) => ({
          ...now,
          serving: { certificates: last.cert, privateKey: Redacted.make(last.key) }
        }))
        assert.strictEqual(yield* served, last.cert.trim())
        yield* TestClock.adjust("5 minutes")
        assert.strictEqual(failures(), 4)
      }).pipe(Effect.scoped)
  )
})

describe("stopping with a secure port", () => {
  it.effect(
    "closes it immediately except for the download in progress, while the plain port answers probes",
    () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const proxy = yield* startSecure({ plain: true, gracePeriod: "30 seconds" }).pipe(
          Scope.provide(scope)
        )
        const held = Latch.makeUnsafe(false)
        const begun = Latch.makeUnsafe(false)
        const until = Effect.andThen(begun.open, held.await)
        yield* proxy.registry.injectFaults("resolve", { _tag: "Stall", until })
        const download = yield* Effect.forkChild(proxy.request(proxy.package, { token: tokens.all }))
        const idle = yield* proxy.connect()
        yield* begun.await
        const stop = yield* Effect.forkChild(Scope.close(scope, Exit.void))
        const ready = nodeRequest(`${proxy.origin}/readyz`)
        yield* Effect.repeat(ready, { until: ({ status }) => status === 503 })
        assert.strictEqual(yield* Effect.flip(proxy.request("/healthz")), "ECONNREFUSED")
        assert.strictEqual((yield* nodeRequest(`${proxy.origin}/healthz`)).status, 200)
        yield* held.open
        const { headers, status } = yield* Fiber.join(download)
        assert.deepStrictEqual([status, headers["connection"]], [200, "close"])
        yield* Fiber.join(stop)
        assert.strictEqual(yield* Effect.flip(nodeRequest(`${proxy.origin}/healthz`)), "ECONNREFUSED")
        idle.socket.destroy()
      })
  )
})
