import { Context, type Effect, type Scope } from "effect"
import type { HttpClient } from "effect/http"
import type { ConnectionFailed } from "./RegistryError.ts"

/** A server to talk to, and whom to trust there. */
export interface Target {
  readonly scheme: "https" | "http"
  /** Host and port as a URL writes them: in lowercase, without the scheme's own port. */
  readonly host: string
  /** PEM certificates to trust beside the system's. */
  readonly ca: string | undefined
}

/** Connections to upstream servers. */
export class Upstream extends Context.Service<
  Upstream,
  {
    /**
     * A client whose connections are shared by all who ask for the same target and kept alive while the scope is open.
     * It follows no redirects and decodes no bodies; a request's connection is given up when its `AbortSignal` fires.
     * Fails where no client can be made, as for a `ca` that is not PEM.
     */
    readonly client: (target: Target) => Effect.Effect<HttpClient.HttpClient, ConnectionFailed, Scope.Scope>
  }
>()("@registry-packages-proxy/registry-client/Upstream") {}
