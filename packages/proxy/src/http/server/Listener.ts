import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type { Authenticator } from "@registry-packages-proxy/access-control/Authenticator"
import type { Authorizer } from "@registry-packages-proxy/access-control/Authorizer"
import { type ListenerMaterial, TlsMaterial } from "@registry-packages-proxy/tls/TlsMaterial"
import type { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import type { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import type { Platform } from "@registry-packages-proxy/oci/Platform"
import type { RegistryClient } from "@registry-packages-proxy/registry-client/RegistryClient"
import { type Duration, Effect, Layer, Option, Schedule, Stream } from "effect"
import { HttpServer } from "effect/http"
import type { ServeError } from "effect/http/HttpServerError"
import type { Server } from "node:http"
import * as CauseText from "../../text/CauseText.ts"
import * as AccessControl from "../access/AccessControl.ts"
import * as Application from "../Application.ts"
import { GracefulShutdown } from "../request/GracefulShutdown.ts"
import { makePlainServer } from "./NodeServer.ts"
import * as PipelineTimeout from "./PipelineTimeout.ts"
import * as Pipelining from "./Pipelining.ts"
import * as Refusals from "./Refusals.ts"
import * as SecureServer from "./SecureServer.ts"
import * as SendTimeout from "./SendTimeout.ts"

/**
 * An address to listen on. With port 0, the operating system chooses a free port. Without a host, the server listens on
 * every interface.
 */
export interface ListenOptions {
  readonly host?: string
  readonly port: number
}

/** The options that both listeners share. */
interface CommonOptions {
  /** The platform of the image to select if a digest names an image index. */
  readonly platform: Platform
  /** The time in which downloads in progress may finish after the shutdown began. */
  readonly gracePeriod: Duration.Duration
  /**
   * Maximum number of package requests in progress on all listeners together. Further requests are answered with 503.
   * The default is `httpLimits.maxPackages`.
   */
  readonly maxPackages?: number
}

/** The options of the plain listener. */
export interface PlainListenerOptions {
  readonly listen: ListenOptions
  /**
   * The server of the listener. The default is a new server. A test may provide a server and emit connections on it.
   */
  readonly server?: Server
}

/** The options of the listener with TLS and access control. */
export interface SecureListenerOptions {
  readonly listen: ListenOptions
  readonly minVersion: SecureServer.MinTlsVersion
}

/** The services that the application behind the listeners requires. */
export type ApplicationServices = DigestCache | CredentialStore | RegistryClient

// The kernel limits the backlog to net.core.somaxconn, 4096 by default. If the backlog is full, a client retries after
// a second.
const backlog = 4096

const open = (server: Server, listen: ListenOptions) =>
  NodeHttpServer.make(() => server, { ...listen, backlog, disablePreemptiveShutdown: true })

/**
 * Attaches the request handlers to a server. The requests of a connection are handled in order. Each request goes to
 * `fastPath` first. If `fastPath` does not respond, Effect's server runs `handler` in a new fiber.
 */
const serve = Effect.fnUntraced(function* (
  server: Server,
  { inOrder }: Pipelining.Pipelining,
  listener: HttpServer.HttpServer["Service"],
  { fastPath, handler }: Application.Handlers
) {
  // The application creates the span of each request, so Effect's server must not create another.
  yield* Effect.withTracerEnabled(listener.serve(Effect.withTracerEnabled(handler, true)), false)
  for (const event of ["request", "checkContinue"]) {
    const others = server.listeners(event)
    server.removeAllListeners(event)
    server.on(
      event,
      inOrder((request, response) => {
        if (fastPath(request, response)) return
        for (const listen of others) Reflect.apply(listen, server, [request, response])
      })
    )
  }
})

const openPlain = Effect.fnUntraced(function* (app: Application.Application, options: PlainListenerOptions) {
  const server = options.server ?? makePlainServer()
  const pipelining = Pipelining.attach(server, "connection")
  yield* Refusals.watch(server, app.recordUnread)
  yield* SendTimeout.watch(server, "connection")
  yield* PipelineTimeout.watch(pipelining.pipelines)
  const listener = yield* open(server, options.listen)
  yield* serve(server, pipelining, listener, app.plainHandlers)
  return { server, listener }
})

const renewalRetries = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("1 minute")])

/**
 * Makes the server use new TLS material. Logs each failure and tries again until it succeeds. Meanwhile, the server
 * keeps the previous material.
 */
const renewal = (secure: SecureServer.SecureServer, material: ListenerMaterial): Effect.Effect<void> =>
  Effect.try({ try: () => secure.setMaterial(material), catch: (cause) => cause }).pipe(
    Effect.tapError((cause) =>
      Effect.logError("new certificate or client authorities cannot be used: keeping the previous ones", {
        error: CauseText.describeError(cause)
      })
    ),
    Effect.retry(renewalRetries),
    // The schedule of retries never ends, so the effect never fails.
    Effect.orDie
  )

const openSecure = Effect.fnUntraced(function* (
  app: Application.Application,
  options: SecureListenerOptions
) {
  const tls = yield* TlsMaterial
  const secure = SecureServer.make({
    material: yield* tls.get,
    minVersion: options.minVersion,
    metrics: yield* Effect.context<never>()
  })
  yield* Effect.forkScoped(
    Stream.runDrain(Stream.switchMap(tls.changes, (material) => Stream.fromEffect(renewal(secure, material))))
  )
  const accessControl = yield* AccessControl.make(secure.certificateOf)
  const pipelining = Pipelining.attach(secure.server, "secureConnection")
  yield* Refusals.watch(secure.server, app.recordUnread)
  yield* SendTimeout.watch(secure.server, "secureConnection")
  yield* PipelineTimeout.watch(pipelining.pipelines)
  const listener = yield* open(secure.server, options.listen)
  yield* serve(secure.server, pipelining, listener, app.secureHandlers(accessControl))
  return { server: secure.server, listener }
})

/**
 * Adds a finalizer that shuts the servers down when the scope closes. First, the servers in `closedFirst` stop
 * accepting connections. The program then refuses new package requests, while the other servers still answer probes.
 * When all packages in progress are sent, or the grace period is over, every connection is closed.
 */
const stopping = Effect.fnUntraced(function* (
  servers: ReadonlyArray<Server>,
  closedFirst: ReadonlyArray<Server>
) {
  const gracefulShutdown = yield* GracefulShutdown
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => closedFirst.forEach((server) => server.close())).pipe(
      Effect.andThen(gracefulShutdown.drain),
      Effect.andThen(Effect.sync(() => servers.forEach((server) => server.closeAllConnections())))
    )
  )
})

const logListening = (
  scheme: "http" | "https",
  { address }: HttpServer.HttpServer["Service"]
): Effect.Effect<void> =>
  Effect.logInfo("listening", { url: HttpServer.formatAddress(address).replace(/^http/, scheme) })

/** The plain HTTP listener. It accepts requests as soon as the layer is built. */
export const layerPlain = (
  options: CommonOptions & PlainListenerOptions
): Layer.Layer<HttpServer.HttpServer, ServeError, ApplicationServices> =>
  Layer.effect(
    HttpServer.HttpServer,
    Effect.gen(function* () {
      const { listener, server } = yield* openPlain(yield* Application.make(options), options)
      yield* stopping([server], [])
      yield* logListening("http", listener)
      return listener
    })
  ).pipe(Layer.provide(GracefulShutdown.layer(options.gracePeriod)))

/**
 * The listener with TLS and access control, and optionally the plain listener. The layer's `HttpServer` is the plain
 * listener if there is one, else the secure listener. During a shutdown, the secure listener accepts no more
 * connections, while the plain listener answers probes until the end.
 */
export const layerSecure = (
  options: CommonOptions & {
    readonly secure: SecureListenerOptions
    readonly plain: Option.Option<PlainListenerOptions>
  }
): Layer.Layer<
  HttpServer.HttpServer,
  ServeError,
  ApplicationServices | Authenticator | Authorizer | TlsMaterial
> =>
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
      yield* logListening("https", secure.listener)
      if (Option.isSome(plain)) yield* logListening("http", plain.value.listener)
      return listener
    })
  ).pipe(Layer.provide(GracefulShutdown.layer(options.gracePeriod)))
