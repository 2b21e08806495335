import * as NodeServices from "@effect/platform-node/NodeServices"
import { Authenticator } from "@registry-packages-proxy/access-control/Authenticator"
import { Authorizer } from "@registry-packages-proxy/access-control/Authorizer"
import { format } from "@registry-packages-proxy/access-control/ResourceRule"
import { type ListenerMaterial, TlsMaterial } from "@registry-packages-proxy/tls/TlsMaterial"
import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import * as TestReviews from "@registry-packages-proxy/testkit/access-control/ReviewsMock"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import * as CredentialStoreMock from "@registry-packages-proxy/testkit/credential-store/CredentialStoreMock"
import { RegistryClientMock } from "@registry-packages-proxy/testkit/registry-client/RegistryClientMock"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import {
  Array,
  Context,
  Deferred,
  Duration,
  Effect,
  Layer,
  Logger,
  Option,
  Redacted,
  SubscriptionRef
} from "effect"
import { HttpServer } from "effect/http"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import type { IncomingHttpHeaders } from "node:http"
import type { ConnectionOptions, TLSSocket } from "node:tls"
import * as AccessLog from "../../src/logging/AccessLog.ts"
import { routes } from "../../src/http/request/Routes.ts"
import { layerSecure } from "../../src/http/server/Listener.ts"
import type { MinTlsVersion } from "../../src/http/server/SecureServer.ts"
import { bytes } from "./ProxyHarness.ts"

const https = process.getBuiltinModule("node:https")
const tls = process.getBuiltinModule("node:tls")

/** Bearer tokens. Each key says what the token's user may access. The user of `all` may access packages and metrics. */
export const tokens = {
  all: "token-all",
  packages: "token-packages",
  metrics: "token-metrics",
  none: "token-none"
}

const rightsTo = (...names: ReadonlyArray<"package" | "metrics">): ReadonlyArray<string> =>
  names.map((name) => format(routes[name].access))

const listen = { host: "127.0.0.1", port: 0 }

const materialOf = (
  serving: Certificates.IssuedCertificate,
  clientAuthorities: Option.Option<string>
): ListenerMaterial => ({
  serving: { certificates: serving.chain, privateKey: Redacted.make(serving.key) },
  clientAuthorities
})

/** Advances the test clock by 1 ms. Then yields 200 times, so that fibers and connections can make progress. */
export const tick = Effect.andThen(TestClock.adjust(1), Effect.repeat(Effect.yieldNow, { times: 200 }))

interface Options {
  readonly minVersion?: MinTlsVersion
  /** True if the server requests client certificates. Default: false. */
  readonly clientCertificates?: boolean
  /** True to add a listener for plain HTTP. Default: false. */
  readonly plain?: boolean
  readonly gracePeriod?: Duration.Input
  /** The cache. Default: a cache that stores nothing. */
  readonly cache?: Layer.Layer<DigestCache>
  /** The size of the package, in bytes. Default: 1000. */
  readonly size?: number
}

/**
 * Starts registry-packages-proxy with a secure listener on a free port. A test can change the TLS material and the
 * results of access reviews.
 */
export const startSecure = Effect.fnUntraced(function* (options: Options = {}) {
  // The test clock starts at the real time, at which the certificates are valid.
  yield* TestClock.setTime(Date.now())
  const authority = yield* Certificates.makeAuthority
  const clients = yield* Certificates.makeAuthority
  const serving = yield* authority.issue()
  const material = yield* SubscriptionRef.make(
    materialOf(serving, options.clientCertificates === true ? Option.some(clients.cert) : Option.none())
  )
  const reviews = TestReviews.make({
    tokens: new Map(Object.values(tokens).map((token) => [token, TestReviews.authenticatedUser(token)])),
    rights: new Map([
      [tokens.all, rightsTo("package", "metrics")],
      [tokens.packages, rightsTo("package")],
      [tokens.metrics, rightsTo("metrics")]
    ])
  })
  const image = RegistryImage.ofPackage(bytes(options.size ?? 1000))
  const said: globalThis.Array<ReadonlyArray<unknown>> = []
  const requests: globalThis.Array<AccessLog.AccessEntry> = []
  const logger = Logger.make<unknown, void>(({ message }) => {
    const parts = Array.ensure(message)
    said.push(parts)
    const [what, entry] = parts
    if (what === AccessLog.message) requests.push(entry as AccessLog.AccessEntry)
  })
  const context = yield* Layer.build(
    layerSecure({
      platform: Platform.make("linux/amd64"),
      gracePeriod: Duration.fromInputUnsafe(options.gracePeriod ?? 0),
      plain: options.plain === true ? Option.some({ listen }) : Option.none(),
      secure: { listen, minVersion: options.minVersion ?? "1.2" }
    }).pipe(
      Layer.provide([Authenticator.layer, Authorizer.layer]),
      Layer.provide(reviews.layer),
      Layer.provide(
        Layer.succeed(TlsMaterial, {
          get: SubscriptionRef.get(material),
          changes: SubscriptionRef.changes(material)
        })
      ),
      Layer.provide(options.cache ?? DigestCache.layerDisabled),
      Layer.provideMerge(RegistryClientMock.layer([image])),
      Layer.provide(
        CredentialStoreMock.layer({
          sources: {
            "": CredentialStoreMock.registrySource({ host: "registry.test", repositoryPrefix: "own" })
          }
        })
      ),
      Layer.provide(NodeServices.layer),
      Layer.provide(Logger.layer([logger]))
    )
  )
  const port = Number(/"listening",\{"url":"https:\/\/127\.0\.0\.1:(\d+)"/.exec(JSON.stringify(said))?.[1])
  const trusted = { host: "127.0.0.1", port, ca: authority.cert }
  return {
    port,
    /** The logged messages, each with its fields. */
    said,
    /** The origin of the plain listener. Without a plain listener, the origin of the secure listener. */
    origin: HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address),
    authority,
    clients,
    reviews,
    image,
    registry: Context.get(context, RegistryClientMock),
    /** The access log entries of all requests so far. */
    requests,
    package: `/package?digest=${image.digest}&repository=&path=`,
    /** Opens a TLS connection with the given client options. The client trusts the server's certificate authority. */
    connect: (own: ConnectionOptions & { readonly allowHalfOpen?: boolean } = {}) =>
      connect({ ...trusted, ...own }),
    /** Sends an HTTPS request on a new connection, and returns the response. */
    request: (path: string, own: Request = {}) => request({ ...trusted, path, ...own }),
    /** Changes the TLS material for new connections, and gives the server time to apply it (see `tick`). */
    renewWith: (change: (now: ListenerMaterial) => ListenerMaterial) =>
      Effect.andThen(SubscriptionRef.update(material, change), tick),
    /** Replaces the serving certificate or the client authorities, and gives the server time to apply them. */
    renew: (change: { readonly serving?: Certificates.IssuedCertificate; readonly clientCa?: string }) =>
      Effect.gen(function* () {
        yield* SubscriptionRef.update(material, (now): ListenerMaterial => ({
          serving:
            change.serving === undefined ? now.serving : materialOf(change.serving, Option.none()).serving,
          clientAuthorities:
            change.clientCa === undefined ? now.clientAuthorities : Option.some(change.clientCa)
        }))
        yield* tick
      })
  }
})

interface Request extends Omit<ConnectionOptions, "path"> {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly token?: string
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const request = (options: Request & { readonly path: string }): Effect.Effect<Answer, string> =>
  Effect.callback((resume) => {
    const { headers, token, ...rest } = options
    const sent = https.request({
      ...rest,
      agent: false,
      headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
    })
    sent.on("error", (error: NodeJS.ErrnoException) => resume(Effect.fail(error.code ?? error.message)))
    sent.once("response", (response) => {
      const chunks: Array<Buffer> = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.once("close", () =>
        resume(
          Effect.succeed({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString("latin1")
          })
        )
      )
    })
    sent.end()
    return Effect.sync(() => sent.destroy())
  })

/** A TLS connection on which a test writes requests as text. */
export interface Connection {
  readonly socket: TLSSocket
  /** Writes a request and returns its complete response as text. */
  readonly exchange: (text: string) => Effect.Effect<string, string>
  /**
   * Writes a request, waits for the response's head, and stops reading. The returned effect reads the rest and returns
   * the complete response.
   */
  readonly begin: (text: string) => Effect.Effect<Effect.Effect<string, string>, string>
  /** Waits until the connection is closed. */
  readonly closed: Effect.Effect<void>
  /** Returns the newest TLS session ticket. Waits for a ticket if none has arrived. */
  readonly session: Effect.Effect<Buffer>
}

const wholeAnswer = (text: string): boolean => {
  const end = text.indexOf("\r\n\r\n")
  if (end === -1) return false
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? "0")
  return text.length >= end + 4 + length
}

const connect = (options: ConnectionOptions): Effect.Effect<Connection, string> =>
  Effect.callback((resume) => {
    let ticket: Buffer | undefined
    let waiting: ((session: Buffer) => void) | undefined
    const socket = tls.connect({ ...options, servername: "localhost" })
    socket.on("session", (session) => {
      ticket = session
      waiting?.(session)
    })
    const closed = Deferred.makeUnsafe<void>()
    socket.once("close", () => void Deferred.doneUnsafe(closed, Effect.void))
    socket.on("error", (error: NodeJS.ErrnoException) => resume(Effect.fail(error.code ?? error.message)))
    let answer = ""
    let hear = (): void => {}
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString("latin1")
      hear()
    })
    socket.once("close", () => hear())
    /**
     * Waits until `isEnough` accepts the text received since the last `write`, or until the connection ends. Returns
     * the text.
     */
    const read = (isEnough: (text: string) => boolean): Effect.Effect<string> =>
      Effect.callback((resume) => {
        hear = () => {
          if (!socket.destroyed && !isEnough(answer)) return
          hear = () => {}
          resume(Effect.succeed(answer))
        }
        hear()
      })
    const write = (text: string) =>
      Effect.sync(() => {
        answer = ""
        socket.write(text)
      })
    socket.once("secureConnect", () =>
      resume(
        Effect.succeed({
          socket,
          closed: Deferred.await(closed),
          session: Effect.callback((resume) => {
            if (ticket === undefined) waiting = (session) => resume(Effect.succeed(session))
            else resume(Effect.succeed(ticket))
          }),
          begin: (text) =>
            Effect.as(
              Effect.andThen(
                write(text),
                Effect.tap(
                  read((text) => text.includes("\r\n\r\n")),
                  () => Effect.sync(() => socket.pause())
                )
              ),
              Effect.suspend(() => {
                socket.resume()
                return read(wholeAnswer)
              })
            ),
          exchange: (text) => Effect.andThen(write(text), read(wholeAnswer))
        })
      )
    )
    return Effect.void
  })
