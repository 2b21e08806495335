import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import type { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import type { Platform } from "@registry-packages-proxy/oci/Platform"
import type { RegistryClient } from "@registry-packages-proxy/registry-client/RegistryClient"
import type { Duration } from "effect"
import { Effect, Layer } from "effect"
import { HttpServer } from "effect/http"
import type { ServeError } from "effect/http/HttpServerError"
import type { Server } from "node:http"
import * as Application from "./Application.ts"
import { Lifecycle } from "./Lifecycle.ts"
import { makePlain } from "./NodeListener.ts"

/** Where to listen. Port 0 takes any that is free; without a host, all of the machine's addresses. */
export interface ListenOptions {
  readonly host?: string
  readonly port: number
}

/**
 * The plain HTTP listener, serving from the moment the layer is built. When it is released, new packages are turned
 * away while probes are still answered; once those under way are done, or the grace period is over, every connection is
 * closed.
 */
export const layerPlain = (options: {
  readonly listen: ListenOptions
  readonly platform: Platform
  readonly gracePeriod: Duration.Duration
  /** The server to use, for a caller that hands it connections of its own; one made for the purpose unless told. */
  readonly server?: Server
}): Layer.Layer<HttpServer.HttpServer, ServeError, DigestCache | CredentialStore | RegistryClient> =>
  Layer.unwrap(
    Effect.sync(() => {
      const server = options.server ?? makePlain()
      const stop = Layer.effectDiscard(
        Effect.gen(function* () {
          const lifecycle = yield* Lifecycle
          yield* Effect.addFinalizer(() =>
            Effect.andThen(
              lifecycle.drain,
              Effect.sync(() => server.closeAllConnections())
            )
          )
        })
      )
      const serve = Layer.unwrap(
        Effect.map(Application.make(options), ({ application }) => HttpServer.serve(application))
      )
      const listener = NodeHttpServer.layerServer(() => server, {
        ...options.listen,
        disablePreemptiveShutdown: true
      })
      return stop.pipe(
        Layer.provideMerge(serve),
        Layer.provideMerge(listener),
        Layer.provide(Lifecycle.layer(options.gracePeriod))
      )
    })
  )
