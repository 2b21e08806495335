import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type { Authenticator } from "@registry-packages-proxy/access-control/Authenticator"
import type { Authorizer } from "@registry-packages-proxy/access-control/Authorizer"
import { type Material, TlsMaterial } from "@registry-packages-proxy/tls/TlsMaterial"
import type { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import type { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import type { Platform } from "@registry-packages-proxy/oci/Platform"
import type { RegistryClient } from "@registry-packages-proxy/registry-client/RegistryClient"
import { type Duration, Effect, Layer, Option, Schedule, Stream } from "effect"
import { HttpServer } from "effect/http"
import type { ServeError } from "effect/http/HttpServerError"
import type { Server } from "node:http"
import * as CauseText from "../../text/CauseText.ts"
import * as Access from "../access/Access.ts"
import * as Application from "../Application.ts"
import { Lifecycle } from "../request/Lifecycle.ts"
import { makePlain } from "./NodeListener.ts"
import * as PipelineTimeout from "./PipelineTimeout.ts"
import * as Pipelining from "./Pipelining.ts"
import * as SecureListener from "./SecureListener.ts"
import * as SendTimeout from "./SendTimeout.ts"

/** Where to listen. Port 0 takes any that is free; without a host, all of the machine's addresses. */
export interface ListenOptions {
  readonly host?: string
  readonly port: number
}

/** What the listeners have in common. */
interface Common {
  readonly platform: Platform
  readonly gracePeriod: Duration.Duration
  /** The most packages being sent at a time; more are answered 503. 4096 unless told. */
  readonly packages?: number
}

/** The plain listener. */
export interface PlainOptions {
  readonly listen: ListenOptions
  /** The server to use, for a caller that hands it connections of its own; one made for the purpose unless told. */
  readonly server?: Server
}

/** The listener with TLS and access control. */
export interface SecureOptions {
  readonly listen: ListenOptions
  readonly minVersion: SecureListener.MinVersion
}

/** What the application behind every listener needs. */
export type Services = DigestCache | CredentialStore | RegistryClient

// The kernel takes at most net.core.somaxconn, 4096 unless told. Beyond it a client tries again after a second.
const backlog = 4096

const open = (server: Server, listen: ListenOptions) =>
  NodeHttpServer.make(() => server, { ...listen, backlog, disablePreemptiveShutdown: true })

/**
 * Answers a server's requests, those of one connection one after another: at once where that can be, else as Effect's
 * server does, by a fiber each.
 */
const serve = Effect.fnUntraced(function* (
  server: Server,
  { inTurn }: Pipelining.Pipelining,
  listener: HttpServer.HttpServer["Service"],
  { fastPath, handler }: Application.Handlers
) {
  // The application gives each request its span, with attributes of its own choosing: Effect's server gives none.
  yield* Effect.withTracerEnabled(listener.serve(Effect.withTracerEnabled(handler, true)), false)
  for (const event of ["request", "checkContinue"]) {
    const others = server.listeners(event)
    server.removeAllListeners(event)
    server.on(
      event,
      inTurn((request, response) => {
        if (fastPath(request, response)) return
        for (const listen of others) Reflect.apply(listen, server, [request, response])
      })
    )
  }
})

const openPlain = Effect.fnUntraced(function* (app: Application.Application, options: PlainOptions) {
  const server = options.server ?? makePlain()
  const pipelining = Pipelining.attach(server, "connection")
  yield* SendTimeout.watch(server, "connection")
  yield* PipelineTimeout.watch(pipelining.pipelines)
  const listener = yield* open(server, options.listen)
  yield* serve(server, pipelining, listener, app.application)
  return { server, listener }
})

/** A renewal that failed is tried again after these delays, until there is other material. */
const renewalRetries = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("1 minute")])

/** Serves with other material; where that fails, the material before serves on, and it is tried until there is newer. */
const renewal = (secure: SecureListener.SecureServer, material: Material): Effect.Effect<void> =>
  Effect.try({ try: () => secure.renew(material), catch: (cause) => cause }).pipe(
    Effect.tapError((cause) =>
      Effect.logError("TLS material cannot be used, the one before serves on", {
        error: CauseText.describeError(cause)
      })
    ),
    Effect.retry(renewalRetries),
    // Retried for ever.
    Effect.orDie
  )

const openSecure = Effect.fnUntraced(function* (app: Application.Application, options: SecureOptions) {
  const tls = yield* TlsMaterial
  const secure = SecureListener.make({
    material: yield* tls.get,
    minVersion: options.minVersion,
    metrics: yield* Effect.context<never>()
  })
  yield* Effect.forkScoped(
    Stream.runDrain(Stream.switchMap(tls.changes, (material) => Stream.fromEffect(renewal(secure, material))))
  )
  const gate = yield* Access.make(secure.certificateOf)
  const pipelining = Pipelining.attach(secure.server, "secureConnection")
  yield* SendTimeout.watch(secure.server, "secureConnection")
  yield* PipelineTimeout.watch(pipelining.pipelines)
  const listener = yield* open(secure.server, options.listen)
  yield* serve(secure.server, pipelining, listener, app.guarded(gate))
  return { server: secure.server, listener }
})

/**
 * When the scope ends: the servers `closed` take no more connections, new packages are turned away while the others
 * still answer probes; once those under way are done, or the grace period is over, every connection is closed.
 */
const stopping = Effect.fnUntraced(function* (servers: ReadonlyArray<Server>, closed: ReadonlyArray<Server>) {
  const lifecycle = yield* Lifecycle
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => closed.forEach((server) => server.close())).pipe(
      Effect.andThen(lifecycle.drain),
      Effect.andThen(Effect.sync(() => servers.forEach((server) => server.closeAllConnections())))
    )
  )
})

/** The plain HTTP listener, serving from the moment the layer is built. */
export const layerPlain = (
  options: Common & PlainOptions
): Layer.Layer<HttpServer.HttpServer, ServeError, Services> =>
  Layer.effect(
    HttpServer.HttpServer,
    Effect.gen(function* () {
      const { listener, server } = yield* openPlain(yield* Application.make(options), options)
      yield* stopping([server], [])
      return listener
    })
  ).pipe(HttpServer.withLogAddress, Layer.provide(Lifecycle.layer(options.gracePeriod)))

/**
 * The listener with TLS and access control, and beside it the plain one where there is to be one; `HttpServer` is the
 * plain one then. The secure one closes as soon as the layer is released, and the plain one goes on for probes.
 */
export const layerSecure = (
  options: Common & { readonly secure: SecureOptions; readonly plain: Option.Option<PlainOptions> }
): Layer.Layer<HttpServer.HttpServer, ServeError, Services | Authenticator | Authorizer | TlsMaterial> =>
  Layer.effect(
    HttpServer.HttpServer,
    Effect.gen(function* () {
      const app = yield* Application.make(options)
      const secure = yield* openSecure(app, options.secure)
      const plain = Option.isSome(options.plain)
        ? Option.some(yield* openPlain(app, options.plain.value))
        : Option.none()
      yield* stopping(
        [secure.server, ...Option.toArray(Option.map(plain, ({ server }) => server))],
        [secure.server]
      )
      const { listener } = Option.getOrElse(plain, () => secure)
      for (const [scheme, { address }] of [
        ["https", secure.listener],
        ...Option.toArray(Option.map(plain, ({ listener }) => ["http", listener] as const))
      ] as const) {
        yield* Effect.logInfo(`Listening on ${HttpServer.formatAddress(address).replace(/^http/, scheme)}`)
      }
      return listener
    })
  ).pipe(Layer.provide(Lifecycle.layer(options.gracePeriod)))
