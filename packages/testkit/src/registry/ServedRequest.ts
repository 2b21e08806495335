import type { ServedOperation } from "./Fault.ts"

/** A request as RegistryRules receives it. */
export interface ServedRequest {
  readonly listener: "registry" | "store"
  readonly method: string
  /** Path and query, as received. */
  readonly target: string
  /** The percent-decoded path. */
  readonly path: string
  readonly query: URLSearchParams
  readonly authorization: string | undefined
  readonly range: string | undefined
  readonly body: string
  /**
   * The time at which the registry responds, in milliseconds since the epoch. Includes the delay of a `DelayHeaders`
   * fault.
   */
  readonly respondedAt: number
}

/** The operation, the repository and the reference that a URL path names. */
export interface Route {
  readonly operation: ServedOperation
  readonly repository: string | undefined
  /** The digest of a manifest or blob, or the tag of a manifest. Undefined for other operations. */
  readonly reference: string | undefined
}

const named = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/
const stored = /^\/store\/(.+)\/([^/]+)$/

const route = (operation: ServedOperation, repository?: string, reference?: string): Route => ({
  operation,
  repository,
  reference
})

/** Returns the route of a path on a listener, or undefined for an unknown path. */
export const routeOf = (listener: "registry" | "store", path: string): Route | undefined => {
  if (path === "/token") return route("token")
  if (listener === "store") {
    const [, repository, digest] = stored.exec(path) ?? []
    return repository === undefined ? undefined : route("store", repository, digest)
  }
  if (path === "/v2/" || path === "/v2") return route("ping")
  const [, repository, kind, reference] = named.exec(path) ?? []
  if (kind === undefined) return undefined
  return route(kind === "manifests" ? "manifest" : "blob", repository, reference)
}

/**
 * Returns the offsets of the bytes that a Range field selects. `end` is exclusive. Returns undefined if the response
 * must have the whole content, because `range` is missing, invalid or has several ranges (RFC 9110, 14.1.2).
 */
export const rangeOf = (
  range: string | undefined,
  size: number
): { readonly start: number; readonly end: number } | "unsatisfiable" | undefined => {
  const match = /^bytes=(\d*)-(\d*)$/.exec(range ?? "")
  const [, first = "", last = ""] = match ?? []
  if (match === null || (first === "" && last === "")) return undefined
  if (first === "")
    return Number(last) === 0 ? "unsatisfiable" : { start: Math.max(0, size - Number(last)), end: size }
  const start = Number(first)
  const end = last === "" ? size : Math.min(size, Number(last) + 1)
  if (last !== "" && Number(last) < start) return undefined
  return start >= size ? "unsatisfiable" : { start, end }
}
