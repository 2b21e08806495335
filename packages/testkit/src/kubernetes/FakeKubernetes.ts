import type { ApiRequest, ApiResponse } from "@registry-packages-proxy/kubernetes/ApiRequest"
import { ApiServer } from "@registry-packages-proxy/kubernetes/ApiServer"
import { type KubernetesError, unreachable } from "@registry-packages-proxy/kubernetes/KubernetesError"
import { Clock, Deferred, Duration, Effect, Layer, type Scope, Stream } from "effect"
import { FakeKubernetesReviews } from "./FakeKubernetesReviews.ts"
import { type ObjectChange, type CollectionPath, FakeKubernetesStore } from "./FakeKubernetesStore.ts"
import { FakeKubernetesWatch, encodeEvent } from "./FakeKubernetesWatch.ts"

type Json = Readonly<Record<string, unknown>>

export interface FakeKubernetesOptions {
  /** The kind of each collection's objects, by the URL path of the collection. */
  readonly collections: Readonly<Record<CollectionPath, string>>
  /** True if the server sends a bookmark each minute on every watch that requests bookmarks. Default: true. */
  readonly sendsBookmarks?: boolean
}

const reviewPaths = {
  token: "/apis/authentication.k8s.io/v1/tokenreviews",
  access: "/apis/authorization.k8s.io/v1/subjectaccessreviews"
} as const

interface Watching {
  readonly collection: CollectionPath
  /** The name of the single watched object. Undefined if the watch covers all objects. */
  readonly name: string | undefined
  readonly watch: FakeKubernetesWatch
}

const json = (status: number, value: unknown, retryAfter?: Duration.Duration): ApiResponse => ({
  status,
  retryAfter,
  body: Stream.make(new TextEncoder().encode(JSON.stringify(value)))
})

const failure = (code: number, reason: string): Json => ({
  kind: "Status",
  apiVersion: "v1",
  status: "Failure",
  message: `set by the test: ${reason}`,
  reason,
  code
})

const reasons: Readonly<Record<number, string>> = {
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  410: "Expired",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable"
}

const status = (code: number, retryAfter?: Duration.Duration): ApiResponse =>
  json(code, failure(code, reasons[code] ?? "Unknown"), retryAfter)

/**
 * A Kubernetes API server in memory. It serves objects, paged lists, watches, TokenReviews and SubjectAccessReviews. A
 * fault, such as `isDown`, stays active until the test resets it. The time comes from the Clock service, so a TestClock
 * controls bookmarks and the ends of watches.
 */
export class FakeKubernetes {
  readonly store = new FakeKubernetesStore()
  readonly reviews = new FakeKubernetesReviews()
  readonly requests: Array<ApiRequest & { readonly at: number }> = []
  readonly #watching = new Set<Watching>()
  readonly #options: FakeKubernetesOptions

  /** True if each new request fails, as if the server refused the connection. Open watches continue. */
  isDown = false
  /** True if the server accepts requests and never responds. */
  isStalled = false
  /** If set, returns the status with which the server refuses a request, or undefined to serve the request. */
  refuseWith: ((request: ApiRequest) => number | undefined) | undefined
  /** The Retry-After, in seconds, of each response that `refuseWith` causes. Undefined: no Retry-After. */
  retryAfterSeconds: number | undefined
  /**
   * The response to a watch that begins at a version older than `store.compactedVersion`. `status`: the HTTP status
   * 410. `event`: an ERROR event with code 410 and the end of the watch.
   */
  sendGoneAs: "status" | "event" = "status"
  /** True if the server responds 410 to every request with a `continue` token, because the token has expired. */
  isContinueExpired = false
  /**
   * URL paths of missing objects, and of collections whose kind is not installed. The server responds 404 for these
   * paths, and for all objects in these collections.
   */
  readonly missingPaths = new Set<CollectionPath>()
  readonly #unexpected = Deferred.makeUnsafe<never>()

  constructor(options: FakeKubernetesOptions) {
    this.#options = options
  }

  /**
   * An effect that never succeeds. It dies when a client requests a kind that is in neither `collections` nor
   * `missingPaths`. Race a test against this effect. Otherwise, if the client only retries the request, the test waits
   * until its timeout.
   */
  readonly dieOnUnknownKind: Effect.Effect<never> = Deferred.await(this.#unexpected)

  /** Watches that are open now. */
  get watches(): ReadonlyArray<FakeKubernetesWatch> {
    return [...this.#watching].flatMap(({ watch }) => (watch.isOpen ? [watch] : []))
  }

  apply(collection: CollectionPath, object: Json): void {
    this.#broadcast(this.store.apply(collection, object))
  }

  remove(collection: CollectionPath, name: string): void {
    const change = this.store.remove(collection, name)
    if (change !== undefined) this.#broadcast(change)
  }

  /** Ends every open watch, as a server does at `timeoutSeconds`. */
  endWatches(): void {
    for (const watch of this.watches) watch.write("end")
  }

  /** Breaks the connection of every open watch. */
  breakWatches(): void {
    for (const watch of this.watches) watch.write("break")
  }

  /**
   * Stops sending data on all open watches. These watches do not end at `timeoutSeconds`. The connections stay open.
   */
  silenceWatches(): void {
    for (const watch of this.watches) watch.isSilent = true
  }

  /** Sends these bytes unchanged on every open watch. */
  writeToWatches(bytes: Uint8Array | string): void {
    for (const watch of this.watches)
      watch.write(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes)
  }

  /** Sends an ERROR event with this status code on every open watch. */
  sendError(code: number): void {
    this.writeToWatches(encodeEvent("ERROR", failure(code, reasons[code] ?? "Unknown")))
  }

  /**
   * Responds to a request. If the request is a watch, the end of the scope closes the watch. Fails with `Unreachable`
   * if `isDown` is true. Never completes if `isStalled` is true. Dies if the kind is unknown.
   */
  readonly send = Effect.fnUntraced({ self: this }, function* (request: ApiRequest): Effect.fn.Return<
    ApiResponse,
    KubernetesError,
    Scope.Scope
  > {
    this.requests.push({ ...request, at: yield* Clock.currentTimeMillis })
    if (this.isDown) return yield* unreachable("the test stopped this server")
    if (this.isStalled) return yield* Effect.never
    const refused = this.refuseWith?.(request)
    if (refused !== undefined) {
      return status(
        refused,
        this.retryAfterSeconds === undefined ? undefined : Duration.seconds(this.retryAfterSeconds)
      )
    }
    if (request.method === "POST") return this.#create(request)
    const kind = this.#options.collections[request.path]
    if (kind === undefined || this.missingPaths.has(request.path)) {
      const response = this.#get(request.path)
      return response ?? (yield* this.#dieForUnknownKind(request.path))
    }
    return request.query?.["watch"] === "true"
      ? yield* this.#watch(request.path, kind, request.query)
      : this.#list(request.path, kind, request.query ?? {})
  })

  /** An ApiServer that calls this server directly, without a network. */
  readonly layer: Layer.Layer<ApiServer> = Layer.succeed(ApiServer, { send: (request) => this.send(request) })

  #create({ body, path }: ApiRequest): ApiResponse {
    const response =
      path === reviewPaths.token
        ? this.reviews.tokenReview(body)
        : path === reviewPaths.access
          ? this.reviews.subjectAccessReview(body)
          : undefined
    return response === undefined ? status(404) : json(201, response)
  }

  #dieForUnknownKind(path: string): Effect.Effect<never> {
    const known = Object.keys(this.#options.collections).join(", ")
    const why = Effect.die(
      new Error(
        `the fake API server has no kind for ${path}; accepted: ${known}; add the kind to \`collections\`, or its path to \`missingPaths\` for a 404`
      )
    )
    return Effect.andThen(Deferred.complete(this.#unexpected, why), why)
  }

  /**
   * If `missingPaths` contains `path` or the collection of `path`, returns 404. If `collections` does not contain the
   * collection, returns undefined. Otherwise returns the object, or 404 if the object does not exist.
   */
  #get(path: string): ApiResponse | undefined {
    const slash = path.lastIndexOf("/")
    const collection = path.slice(0, slash)
    const kind = this.#options.collections[collection]
    if (this.missingPaths.has(path) || this.missingPaths.has(collection)) return status(404)
    if (kind === undefined) return undefined
    const object = this.store.get(collection, decodeURIComponent(path.slice(slash + 1)))
    return object === undefined ? status(404) : json(200, object)
  }

  #list(collection: CollectionPath, kind: string, query: Readonly<Record<string, string>>): ApiResponse {
    const token = query["continue"]
    if (token !== undefined && this.isContinueExpired) return status(410)
    const all = this.store.list(collection)
    const first = token === undefined ? 0 : Number(token)
    const limit = Number(query["limit"] ?? all.length)
    const items = all.slice(first, first + limit)
    const next = first + items.length
    return json(200, {
      apiVersion: "v1",
      kind: `${kind}List`,
      metadata: {
        resourceVersion: String(this.store.resourceVersion),
        ...(next < all.length ? { continue: String(next) } : {})
      },
      // In a list of a built-in kind, the API server omits apiVersion and kind from the items.
      items: items.map(({ apiVersion: _, kind: __, ...item }) => item)
    })
  }

  readonly #watch = Effect.fnUntraced(
    { self: this },
    function* (collection: CollectionPath, kind: string, query: Readonly<Record<string, string>>) {
      const name = /^metadata\.name=(.+)$/.exec(query["fieldSelector"] ?? "")?.[1]
      const watch = yield* FakeKubernetesWatch.make
      const from = query["resourceVersion"]
      if (from !== undefined && Number(from) < this.store.compactedVersion) {
        if (this.sendGoneAs === "status") return status(410)
        watch.write(encodeEvent("ERROR", failure(410, "Expired")))
        watch.write("end")
      }
      const watching: Watching = { collection, name, watch }
      // A watch without a resourceVersion begins with the existing objects.
      const past =
        from === undefined
          ? this.store.list(collection).map((object) => ({ type: "ADDED" as const, object }))
          : this.store.changesSince(collection, Number(from))
      for (const { object, type } of past) this.#write(watching, type, object)
      this.#watching.add(watching)
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          watch.isOpen = false
          this.#watching.delete(watching)
        })
      )
      const seconds = Number(query["timeoutSeconds"] ?? "3600")
      const wantsBookmarks = query["allowWatchBookmarks"] === "true" && this.#options.sendsBookmarks !== false
      const response: ApiResponse = {
        status: 200,
        retryAfter: undefined,
        body: watch.body({
          endsAt: (yield* Clock.currentTimeMillis) + seconds * 1000,
          bookmark: wantsBookmarks
            ? () =>
                encodeEvent("BOOKMARK", {
                  kind,
                  metadata: { resourceVersion: String(this.store.resourceVersion) }
                })
            : undefined
        })
      }
      return response
    }
  )

  #broadcast(change: ObjectChange): void {
    for (const watching of this.#watching) {
      if (watching.collection === change.collection) this.#write(watching, change.type, change.object)
    }
  }

  #write({ name, watch }: Watching, type: ObjectChange["type"], object: Json): void {
    const { metadata } = object
    const named = typeof metadata === "object" && metadata !== null && "name" in metadata ? metadata.name : ""
    if (watch.isOpen && (name === undefined || name === named)) watch.write(encodeEvent(type, object))
  }
}
