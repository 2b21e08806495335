import { type Fault, findFault } from "./Fault.ts"
import * as ServedResponse from "./ServedResponse.ts"
import type { RegistryAuthService } from "./RegistryAuth.ts"
import type { RegistryBlob } from "../images/RegistryBlob.ts"
import type { RegistryContent } from "../images/RegistryContent.ts"
import { rangeOf, type ServedRequest, type Route } from "./ServedRequest.ts"

/** The redirect with which the registry responds to a blob request. */
export type RegistryRedirect =
  | { readonly _tag: "None" }
  /**
   * Redirects with `status` (default: 307) to a signed URL of the blob store, on another origin. If `singleUse` is
   * true, a second request for this URL gets 403, as for an expired URL. If `tokens` is set, the blob store requires a
   * token. Its token endpoint issues a token to every client (`issued`) or to no client (`refused`).
   */
  | {
      readonly _tag: "Store"
      readonly status?: number
      readonly singleUse?: boolean
      readonly tokens?: "issued" | "refused"
    }
  /** Redirects every blob request to the URL of the request itself. */
  | { readonly _tag: "Loop" }
  /**
   * Redirects to `location`. Each character of `location` is sent as one byte. If `location` is undefined, the response
   * has no Location field.
   */
  | { readonly _tag: "To"; readonly location: string | undefined }

/**
 * Returns the response to a request, in place of the registry. `byRules` returns the response that the registry would
 * send.
 */
export type RegistryOverride = (
  request: ServedRequest,
  byRules: () => ServedResponse.ServedResponse
) => ServedResponse.ServedResponse

const storeToken = "store-token"

/** Makes the responses of one registry and its blob store, from their content and settings (distribution-spec). */
export class RegistryRules {
  redirect: RegistryRedirect
  override: RegistryOverride = (_, byRules) => byRules()
  readonly content: RegistryContent
  readonly authService: RegistryAuthService
  readonly #origins: { readonly registry: string; readonly store: string }
  /** The signatures that are still valid. The value is true if a signature is valid for one request only. */
  readonly #signatures = new Map<string, boolean>()

  constructor(options: {
    readonly content: RegistryContent
    readonly authService: RegistryAuthService
    readonly redirect: RegistryRedirect
    readonly origins: { readonly registry: string; readonly store: string }
  }) {
    this.content = options.content
    this.authService = options.authService
    this.redirect = options.redirect
    this.#origins = options.origins
  }

  /**
   * Returns the response to a request. Applies the faults `RefuseRange`, `IgnoreRange` and `WrongContentRange`. Ignores
   * all other `faults`.
   */
  respond(
    request: ServedRequest,
    route: Route | undefined,
    faults: ReadonlyArray<Fault>
  ): ServedResponse.ServedResponse {
    return this.override(request, () => this.#respond(request, route, faults))
  }

  #respond(
    request: ServedRequest,
    route: Route | undefined,
    faults: ReadonlyArray<Fault>
  ): ServedResponse.ServedResponse {
    if (route === undefined) return ServedResponse.error(404)
    if (route.operation === "token") {
      return request.listener === "store" && this.#storeTokens !== undefined
        ? this.#storeToken()
        : this.authService.respondToTokenRequest(request, this.#origins)
    }
    if (request.method !== "GET" && request.method !== "HEAD") return ServedResponse.error(405)
    if (route.operation === "store") return this.#stored(request, route, faults)
    const scope = route.repository === undefined ? undefined : `repository:${route.repository}:pull`
    const refusal = this.authService.refusalOf(request, scope, this.#origins)
    if (refusal !== undefined) return refusal
    if (route.operation === "ping") return ServedResponse.json(200, {})
    const { reference = "", repository = "" } = route
    if (!this.content.has(repository)) return ServedResponse.error(404, "NAME_UNKNOWN")
    return route.operation === "manifest"
      ? this.#manifest(repository, reference)
      : this.#blob(request, repository, reference, faults)
  }

  #manifest(repository: string, reference: string): ServedResponse.ServedResponse {
    const manifest = this.content.manifest(repository, reference)
    if (manifest === undefined) return ServedResponse.error(404, "MANIFEST_UNKNOWN")
    return ServedResponse.make(
      200,
      {
        "content-type": manifest.mediaType,
        "docker-content-digest": manifest.digest
      },
      { size: manifest.bytes.length, chunks: () => [manifest.bytes] }
    )
  }

  #blob(
    request: ServedRequest,
    repository: string,
    digest: string,
    faults: ReadonlyArray<Fault>
  ): ServedResponse.ServedResponse {
    const blob = this.content.blob(repository, digest)
    if (blob === undefined) return ServedResponse.error(404, "BLOB_UNKNOWN")
    const location = this.#location(request, repository, digest)
    if (location === "") return ServedResponse.make(307, {})
    if (location === undefined) return serve(blob, request.range, faults)
    const status = this.redirect._tag === "Store" ? (this.redirect.status ?? 307) : 307
    return ServedResponse.make(status, { location })
  }

  #location(request: ServedRequest, repository: string, digest: string): string | undefined {
    const { redirect } = this
    if (redirect._tag === "None") return undefined
    if (redirect._tag === "Loop") return `${this.#origins.registry}${request.path}`
    if (redirect._tag === "To") return redirect.location ?? ""
    const signature = crypto.randomUUID()
    this.#signatures.set(signature, redirect.singleUse === true)
    return `${this.#origins.store}/store/${repository}/${digest}?signature=${signature}`
  }

  get #storeTokens(): "issued" | "refused" | undefined {
    return this.redirect._tag === "Store" ? this.redirect.tokens : undefined
  }

  #storeToken(): ServedResponse.ServedResponse {
    return this.#storeTokens === "issued"
      ? ServedResponse.json(200, { token: storeToken })
      : ServedResponse.error(401)
  }

  // Object stores refuse a request that is signed twice: in its URL and in its Authorization field.
  #stored(request: ServedRequest, route: Route, faults: ReadonlyArray<Fault>): ServedResponse.ServedResponse {
    const signature = request.query.get("signature") ?? ""
    const singleUse = this.#signatures.get(signature)
    const token = this.#storeTokens === undefined ? undefined : `Bearer ${storeToken}`
    if (token !== undefined && request.authorization === undefined) {
      return ServedResponse.error(401, undefined, {
        "www-authenticate": `Bearer realm="${this.#origins.store}/token",service="store",scope="repository:any:pull"`
      })
    }
    if (request.authorization !== token) return ServedResponse.error(400)
    if (singleUse === undefined) return ServedResponse.error(403)
    if (singleUse) this.#signatures.delete(signature)
    const blob = this.content.blob(route.repository ?? "", route.reference ?? "")
    return blob === undefined ? ServedResponse.error(404) : serve(blob, request.range, faults)
  }
}

const serve = (
  blob: RegistryBlob,
  rangeHeader: string | undefined,
  faults: ReadonlyArray<Fault>
): ServedResponse.ServedResponse => {
  const headers = {
    "content-type": "application/octet-stream",
    "docker-content-digest": blob.digest,
    "accept-ranges": "bytes"
  }
  const refusal = rangeHeader === undefined ? undefined : findFault(faults, "RefuseRange")
  if (refusal !== undefined) return ServedResponse.error(refusal.status)
  const range = findFault(faults, "IgnoreRange") === undefined ? rangeOf(rangeHeader, blob.size) : undefined
  if (range === "unsatisfiable") {
    return ServedResponse.error(416, undefined, { "content-range": `bytes */${blob.size}` })
  }
  if (range === undefined) {
    return ServedResponse.make(200, headers, { size: blob.size, chunks: () => blob.read(0, blob.size) })
  }
  const by = findFault(faults, "WrongContentRange")?.by ?? 0
  const start = Math.min(Math.max(0, range.start + by), blob.size - 1)
  const end = Math.max(start + 1, Math.min(blob.size, range.end))
  return ServedResponse.make(
    206,
    { ...headers, "content-range": `bytes ${start}-${end - 1}/${blob.size}` },
    { size: end - start, chunks: () => blob.read(start, end) }
  )
}
