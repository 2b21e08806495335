import { createHash } from "node:crypto"
import type { RequestOptions } from "node:https"
import { Effect, Semaphore } from "effect"
import type { ClusterLocation } from "../../ClusterLocation.ts"
import { type KubernetesError, unreachable } from "../../KubernetesError.ts"
import * as KubeConfigFile from "./KubeConfigFile.ts"

/** How long an exec plugin may take, in milliseconds. */
const authenticateTimeout = 30_000

/** What a connection to the server is made with. */
export interface Tls {
  readonly ca: RequestOptions["ca"]
  readonly cert: RequestOptions["cert"]
  readonly key: RequestOptions["key"]
  readonly servername: string | undefined
  readonly rejectUnauthorized: boolean | undefined
}

/** Where to send a request, and what it is authenticated with. */
export interface Access {
  readonly server: URL
  readonly proxy: string | undefined
  readonly tls: Tls
  /** Equal for equal `tls`, server and proxy: such connections can be shared. */
  readonly connectionPrint: string
  readonly headers: Readonly<Record<string, string>>
}

/** Authentication to one API server. */
export interface ClusterAccess {
  /** As of now: files that changed are read again, exec plugins run when what they gave has expired. */
  readonly access: Effect.Effect<Access, KubernetesError>
  /** Tokens and plugins' answers are not used again. */
  readonly forget: Effect.Effect<void>
}

/** A certificate or key as text, a character for each byte. */
export const textOf = (value: unknown): string =>
  Buffer.isBuffer(value) ? value.toString("latin1") : typeof value === "string" ? value : ""

const accessOf = async ({ credentials, proxy, server }: KubeConfigFile.Loaded): Promise<Access> => {
  const options = await credentials.requestOptions()
  const { auth, ca, cert, key, rejectUnauthorized, servername } = options
  const headers: Record<string, string> = {}
  if (typeof auth === "string") headers["authorization"] = `Basic ${Buffer.from(auth).toString("base64")}`
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    // A token file may end with a line break.
    if (typeof value === "string") headers[name.toLowerCase()] = value.trim()
  }
  const connectionPrint = createHash("sha256")
    .update(
      JSON.stringify([server.href, proxy, rejectUnauthorized, servername, ...[ca, cert, key].map(textOf)])
    )
    .digest("base64")
  return { server, proxy, tls: { ca, cert, key, servername, rejectUnauthorized }, connectionPrint, headers }
}

const explain = (location: ClusterLocation, cause: unknown): KubernetesError => {
  if (cause instanceof KubeConfigFile.Unusable) return unreachable(cause.message)
  // client-node reads the files that a configuration names; its own messages may hold what a plugin wrote.
  const file =
    cause instanceof Error && "path" in cause && typeof cause.path === "string" ? cause.path : undefined
  if (file !== undefined) return unreachable(KubeConfigFile.unreadable(file, cause).message)
  return unreachable(
    location._tag === "InCluster"
      ? "the service account's token cannot be used"
      : "the kubeconfig's credentials cannot be used: its files are not what it says, or its exec plugin failed"
  )
}

/** Authentication as a location says, with what it read kept for as long as its file stays as it was. */
export const make = Effect.fnUntraced(function* (location: ClusterLocation): Effect.fn.Return<ClusterAccess> {
  let loaded: { readonly print: string; readonly value: KubeConfigFile.Loaded } | undefined
  // One at a time: an exec plugin is run once for all who wait for it.
  const turn = yield* Semaphore.make(1)

  const access = Effect.tryPromise({
    try: async () => {
      if (loaded === undefined || loaded.print !== KubeConfigFile.print(loaded.value.files)) {
        const value = await KubeConfigFile.read(location)
        loaded = { print: KubeConfigFile.print(value.files), value }
      }
      return await accessOf(loaded.value)
    },
    catch: (cause) => explain(location, cause)
  }).pipe(
    // What failed is read anew the next time.
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
    forget: Effect.sync(() => {
      loaded = undefined
    })
  }
})
