import { createHash } from "node:crypto"
import type { RequestOptions } from "node:https"
import { Duration, Effect, Semaphore } from "effect"
import type { ClusterLocation } from "../../ClusterLocation.ts"
import { type KubernetesError, unreachable } from "../../KubernetesError.ts"
import * as KubeConfigFile from "./KubeConfigFile.ts"

/** The maximum time for reading the credentials, including the run of an exec plugin. */
const authenticateTimeout = Duration.seconds(30)

/** The TLS options of a connection to the API server. */
export interface TlsOptions {
  readonly ca: RequestOptions["ca"]
  readonly cert: RequestOptions["cert"]
  readonly key: RequestOptions["key"]
  readonly servername: string | undefined
  readonly rejectUnauthorized: boolean | undefined
}

/** The target and the credentials of a request. */
export interface ServerAccess {
  readonly server: URL
  readonly proxy: string | undefined
  readonly tls: TlsOptions
  /** A hash of `server`, `proxy` and `tls`. Requests with equal keys share connections. */
  readonly connectionKey: string
  readonly headers: Readonly<Record<string, string>>
}

/** Authentication to one API server. */
export interface ClusterAccess {
  /**
   * Returns the target and the credentials for a request. Reads changed files again. Runs an exec plugin if its
   * credentials have expired. Fails with `Unreachable` if the credentials cannot be read within 30 s.
   */
  readonly access: Effect.Effect<ServerAccess, KubernetesError>
  /** Discards the cached configuration, tokens and exec credentials. The next `access` reads them again. */
  readonly invalidate: Effect.Effect<void>
}

/** Converts a certificate or key to text, one character per byte. Returns an empty text for any other value. */
export const textOf = (value: unknown): string =>
  Buffer.isBuffer(value) ? value.toString("latin1") : typeof value === "string" ? value : ""

const accessOf = async ({
  credentials,
  proxy,
  server
}: KubeConfigFile.LoadedConfig): Promise<ServerAccess> => {
  const options = await credentials.requestOptions()
  const { auth, ca, cert, key, rejectUnauthorized, servername } = options
  const headers: Record<string, string> = {}
  if (typeof auth === "string") headers["authorization"] = `Basic ${Buffer.from(auth).toString("base64")}`
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    // The content of a token file may end with a line break.
    if (typeof value === "string") headers[name.toLowerCase()] = value.trim()
  }
  const connectionKey = createHash("sha256")
    .update(
      JSON.stringify([server.href, proxy, rejectUnauthorized, servername, ...[ca, cert, key].map(textOf)])
    )
    .digest("base64")
  return { server, proxy, tls: { ca, cert, key, servername, rejectUnauthorized }, connectionKey, headers }
}

const explain = (location: ClusterLocation, cause: unknown): KubernetesError => {
  if (cause instanceof KubeConfigFile.UnusableConfig) return unreachable(cause.message)
  // client-node's messages may contain the output of a plugin, so only the path of the unreadable file is used.
  const file =
    cause instanceof Error && "path" in cause && typeof cause.path === "string" ? cause.path : undefined
  if (file !== undefined) return unreachable(KubeConfigFile.unreadable(file, cause).message)
  return unreachable(
    location._tag === "InCluster"
      ? "the service account's token cannot be used"
      : "the kubeconfig's credentials cannot be used: a file is not valid, or its exec plugin failed"
  )
}

/**
 * Makes the `ClusterAccess` of a location. It caches the configuration until a file of the configuration changes,
 * `access` fails or `invalidate` runs.
 */
export const make = Effect.fnUntraced(function* (location: ClusterLocation): Effect.fn.Return<ClusterAccess> {
  let loaded: { readonly fingerprint: string; readonly value: KubeConfigFile.LoadedConfig } | undefined
  // Only one caller at a time, so that concurrent requests share one run of an exec plugin.
  const turn = yield* Semaphore.make(1)

  const access = Effect.tryPromise({
    try: async () => {
      if (
        loaded === undefined ||
        loaded.fingerprint !== KubeConfigFile.filesFingerprint(loaded.value.files)
      ) {
        const value = await KubeConfigFile.read(location)
        loaded = { fingerprint: KubeConfigFile.filesFingerprint(value.files), value }
      }
      return await accessOf(loaded.value)
    },
    catch: (cause) => explain(location, cause)
  }).pipe(
    // After a failure, read the files again.
    Effect.tapError(() =>
      Effect.sync(() => {
        loaded = undefined
      })
    ),
    Effect.timeoutOrElse({
      duration: authenticateTimeout,
      orElse: () => Effect.fail(unreachable("the kubeconfig's exec plugin did not answer in time"))
    }),
    turn.withPermits(1)
  )

  return {
    access,
    invalidate: Effect.sync(() => {
      loaded = undefined
    })
  }
})
