import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import { RegistryClientMock } from "@registry-packages-proxy/testkit/registry-client/RegistryClientMock"
import { Cause, Effect, Exit, Layer, Logger, Option } from "effect"
import { ServeError } from "effect/http/HttpServerError"
import { once } from "node:events"
import { createServer } from "node:net"
import * as ListenAddress from "../../src/config/ListenAddress.ts"
import * as Program from "../../src/Program.ts"
import * as Settings from "../../src/config/Settings.ts"
import { explain, markSecureListener } from "../../src/process/StartFailure.ts"

const onLoopback = (port: number) => new ListenAddress.ListenAddress({ host: Option.some("127.0.0.1"), port })

/** Listens on a port until the scope ends, and returns the port. */
const takenPort = Effect.gen(function* () {
  const server = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer().listen(0, "127.0.0.1")
      await once(server, "listening")
      return server
    }),
    (server) => Effect.sync(() => server.close())
  )
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
})

/** Starts registry-packages-proxy with these listeners. The start must fail. Returns the explanation of the failure. */
const explained = Effect.fnUntraced(function* (
  listeners: Pick<Settings.Settings, "listenAddress" | "secureListenAddress">
) {
  const exit = yield* Effect.exit(
    Effect.scoped(
      Layer.build(
        Program.layerServer({ ...Settings.defaults, ...listeners }).pipe(
          Layer.provide([DigestCache.layerDisabled, CredentialStore.layerFeeds([])]),
          Layer.provide(RegistryClientMock.layer([])),
          Layer.provide([NodeServices.layer, Logger.layer([])])
        )
      )
    )
  )
  return Exit.isFailure(exit) ? explain(exit.cause) : "it started"
})

describe("a port that is in use", () => {
  it.live("is reported by the flag that names it", () =>
    Effect.gen(function* () {
      const port = yield* takenPort
      const taken = Option.some(onLoopback(port))
      const free = Option.some(onLoopback(0))
      const why = `cannot listen on 127.0.0.1:${port}: the address is in use`
      for (const [listenAddress, secureListenAddress, flag] of [
        [taken, Option.none(), "--listen-address"],
        [taken, free, "--listen-address"],
        [free, taken, "--secure-listen-address"],
        [Option.none(), taken, "--secure-listen-address"]
      ] as const) {
        assert.include(yield* explained({ listenAddress, secureListenAddress }), `${flag}: ${why}`)
      }
    }).pipe(Effect.scoped)
  )
})

describe("a listener's failure", () => {
  const at = (host: string, port: number) =>
    Option.some(new ListenAddress.ListenAddress({ host: Option.some(host), port }))
  const failed = (what: object) => new ServeError({ cause: Object.assign(new Error(""), what) })
  const flagOf = (what: object, listeners: Parameters<typeof markSecureListener>[1]) =>
    /^--[a-z-]+/.exec(explain(Cause.fail(markSecureListener(failed(what), listeners))))?.[0]

  it("is attributed by its address if both flags have the same port", () => {
    const listeners = { listenAddress: at("127.0.0.1", 4219), secureListenAddress: at("10.0.0.1", 4219) }
    for (const [address, flag] of [
      ["127.0.0.1", "--listen-address"],
      ["10.0.0.1", "--secure-listen-address"]
    ] as const) {
      const error = { syscall: "listen", code: "EADDRINUSE", address, port: 4219 }
      assert.strictEqual(flagOf(error, listeners), flag)
    }
  })

  it("is attributed by its host name if the name cannot be resolved", () => {
    const error = { syscall: "getaddrinfo", code: "ENOTFOUND", hostname: "no.such" }
    const [nowhere, here] = [at("no.such", 4219), at("127.0.0.1", 5080)]
    assert.strictEqual(
      flagOf(error, { listenAddress: here, secureListenAddress: nowhere }),
      "--secure-listen-address"
    )
    assert.strictEqual(
      flagOf(error, { listenAddress: nowhere, secureListenAddress: here }),
      "--listen-address"
    )
  })
})
