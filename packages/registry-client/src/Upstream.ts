import { Context, type Effect, type Scope } from "effect"
import type { HttpClient } from "effect/http"
import type { ConnectionFailed } from "./RegistryError.ts"

/** A server, and the certificates to trust for connections to it. */
export interface UpstreamTarget {
  readonly scheme: "https" | "http"
  /** The host and port of a URL, in lowercase and without the scheme's default port. */
  readonly host: string
  /**
   * PEM certificates to trust in addition to the system's. If undefined, only the system's certificates are trusted.
   */
  readonly ca: string | undefined
}

/** Connections to upstream servers. */
export class Upstream extends Context.Service<
  Upstream,
  {
    /**
     * Returns a client for a server. The client works until the scope ends. Clients for equal targets share their
     * connections. A client follows no redirects and decodes no bodies. The `AbortSignal` of a request closes the
     * request's connection. Fails if no client can be made, for example because `ca` contains no PEM certificate.
     */
    readonly client: (
      target: UpstreamTarget
    ) => Effect.Effect<HttpClient.HttpClient, ConnectionFailed, Scope.Scope>
  }
>()("@registry-packages-proxy/registry-client/Upstream") {}
