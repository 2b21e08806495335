import { type Fault, find } from "./Fault.ts"
import * as RegistryAnswer from "./RegistryAnswer.ts"
import type { RegistryAuthority } from "./RegistryAuth.ts"
import type { RegistryBlob } from "../images/RegistryBlob.ts"
import type { RegistryContent } from "../images/RegistryContent.ts"
import { rangeOf, type RegistryRequest, type Route } from "./RegistryRequest.ts"

/** The place that a request for a blob is sent to instead of being served. */
export type RegistryRedirect =
  | { readonly _tag: "None" }
  /**
   * To the blob store, another origin. Each address is signed; with `singleUse` a second request to one is a 403, as
   * when an address expires. With `login` the store is a registry, which asks for a token that it gives to anybody, or
   * to nobody.
   */
  | {
      readonly _tag: "Store"
      readonly status?: number
      readonly singleUse?: boolean
      readonly login?: "anonymous" | "required"
    }
  /** To itself, for ever. */
  | { readonly _tag: "Loop" }
  /** To this address; none at all where it is undefined. */
  | { readonly _tag: "To"; readonly location: string | undefined }

/** Answers a request in place of the rules, whose own answer `byRules` gives. */
export type RegistryOverride = (
  request: RegistryRequest,
  byRules: () => RegistryAnswer.RegistryAnswer
) => RegistryAnswer.RegistryAnswer

/** The token that a blob store with a login gives to anybody. */
const storeToken = "store-token"

/** One registry's state, and what it answers by the distribution-spec. */
export class RegistryRules {
  redirect: RegistryRedirect
  override: RegistryOverride = (_, byRules) => byRules()
  readonly content: RegistryContent
  readonly authority: RegistryAuthority
  readonly #origins: { readonly registry: string; readonly store: string }
  /** Signatures given out, and whether one serves once only. */
  readonly #signatures = new Map<string, boolean>()

  constructor(options: {
    readonly content: RegistryContent
    readonly authority: RegistryAuthority
    readonly redirect: RegistryRedirect
    readonly origins: { readonly registry: string; readonly store: string }
  }) {
    this.content = options.content
    this.authority = options.authority
    this.redirect = options.redirect
    this.#origins = options.origins
  }

  /** The answer to a request, its Range read as the faults have it. */
  answer(
    request: RegistryRequest,
    route: Route | undefined,
    faults: ReadonlyArray<Fault>
  ): RegistryAnswer.RegistryAnswer {
    return this.override(request, () => this.#answer(request, route, faults))
  }

  #answer(
    request: RegistryRequest,
    route: Route | undefined,
    faults: ReadonlyArray<Fault>
  ): RegistryAnswer.RegistryAnswer {
    if (route === undefined) return RegistryAnswer.error(404)
    if (route.operation === "token") {
      return request.listener === "store" && this.#storeLogin !== undefined
        ? this.#storeToken()
        : this.authority.issue(request, this.#origins)
    }
    if (request.method !== "GET" && request.method !== "HEAD") return RegistryAnswer.error(405)
    if (route.operation === "store") return this.#stored(request, route, faults)
    const scope = route.repository === undefined ? undefined : `repository:${route.repository}:pull`
    const refusal = this.authority.refuse(request, scope, this.#origins)
    if (refusal !== undefined) return refusal
    if (route.operation === "ping") return RegistryAnswer.json(200, {})
    const { reference = "", repository = "" } = route
    if (!this.content.has(repository)) return RegistryAnswer.error(404, "NAME_UNKNOWN")
    return route.operation === "manifest"
      ? this.#manifest(repository, reference)
      : this.#blob(request, repository, reference, faults)
  }

  #manifest(repository: string, reference: string): RegistryAnswer.RegistryAnswer {
    const manifest = this.content.manifest(repository, reference)
    if (manifest === undefined) return RegistryAnswer.error(404, "MANIFEST_UNKNOWN")
    return RegistryAnswer.make(
      200,
      {
        "content-type": manifest.mediaType,
        "docker-content-digest": manifest.digest
      },
      { size: manifest.bytes.length, chunks: () => [manifest.bytes] }
    )
  }

  #blob(
    request: RegistryRequest,
    repository: string,
    digest: string,
    faults: ReadonlyArray<Fault>
  ): RegistryAnswer.RegistryAnswer {
    const blob = this.content.blob(repository, digest)
    if (blob === undefined) return RegistryAnswer.error(404, "BLOB_UNKNOWN")
    const location = this.#location(request, repository, digest)
    if (location === "") return RegistryAnswer.make(307, {})
    if (location === undefined) return serve(blob, request.range, faults)
    const status = this.redirect._tag === "Store" ? (this.redirect.status ?? 307) : 307
    return RegistryAnswer.make(status, { location })
  }

  #location(request: RegistryRequest, repository: string, digest: string): string | undefined {
    const { redirect } = this
    if (redirect._tag === "None") return undefined
    if (redirect._tag === "Loop") return `${this.#origins.registry}${request.path}`
    if (redirect._tag === "To") return redirect.location ?? ""
    const signature = crypto.randomUUID()
    this.#signatures.set(signature, redirect.singleUse === true)
    return `${this.#origins.store}/store/${repository}/${digest}?signature=${signature}`
  }

  get #storeLogin(): "anonymous" | "required" | undefined {
    return this.redirect._tag === "Store" ? this.redirect.login : undefined
  }

  #storeToken(): RegistryAnswer.RegistryAnswer {
    return this.#storeLogin === "anonymous"
      ? RegistryAnswer.json(200, { token: storeToken })
      : RegistryAnswer.error(401)
  }

  // Object stores refuse a request that is signed twice: by its address and by an Authorization header.
  #stored(
    request: RegistryRequest,
    route: Route,
    faults: ReadonlyArray<Fault>
  ): RegistryAnswer.RegistryAnswer {
    const signature = request.query.get("signature") ?? ""
    const singleUse = this.#signatures.get(signature)
    const token = this.#storeLogin === undefined ? undefined : `Bearer ${storeToken}`
    if (token !== undefined && request.authorization === undefined) {
      return RegistryAnswer.error(401, undefined, {
        "www-authenticate": `Bearer realm="${this.#origins.store}/token",service="store",scope="repository:any:pull"`
      })
    }
    if (request.authorization !== token) return RegistryAnswer.error(400)
    if (singleUse === undefined) return RegistryAnswer.error(403)
    if (singleUse) this.#signatures.delete(signature)
    const blob = this.content.blob(route.repository ?? "", route.reference ?? "")
    return blob === undefined ? RegistryAnswer.error(404) : serve(blob, request.range, faults)
  }
}

const serve = (
  blob: RegistryBlob,
  rangeHeader: string | undefined,
  faults: ReadonlyArray<Fault>
): RegistryAnswer.RegistryAnswer => {
  const headers = {
    "content-type": "application/octet-stream",
    "docker-content-digest": blob.digest,
    "accept-ranges": "bytes"
  }
  const refusal = rangeHeader === undefined ? undefined : find(faults, "RefuseRange")
  if (refusal !== undefined) return RegistryAnswer.error(refusal.status)
  const range = find(faults, "IgnoreRange") === undefined ? rangeOf(rangeHeader, blob.size) : undefined
  if (range === "unsatisfiable") {
    return RegistryAnswer.error(416, undefined, { "content-range": `bytes */${blob.size}` })
  }
  if (range === undefined) {
    return RegistryAnswer.make(200, headers, { size: blob.size, chunks: () => blob.read(0, blob.size) })
  }
  const by = find(faults, "WrongContentRange")?.by ?? 0
  const start = Math.min(Math.max(0, range.start + by), blob.size - 1)
  const end = Math.max(start + 1, Math.min(blob.size, range.end))
  return RegistryAnswer.make(
    206,
    { ...headers, "content-range": `bytes ${start}-${end - 1}/${blob.size}` },
    { size: end - start, chunks: () => blob.read(start, end) }
  )
}
