import { type ApiRequest, type ApiResponse, ApiServer } from "@registry-packages-proxy/kubernetes/ApiServer"
import { type KubernetesError, unreachable } from "@registry-packages-proxy/kubernetes/KubernetesError"
import { Clock, Deferred, Duration, Effect, Layer, type Scope, Stream } from "effect"
import { KubeApiReviews } from "./KubeApiReviews.ts"
import { type Change, type CollectionPath, KubeApiStore } from "./KubeApiStore.ts"
import { KubeApiWatch, line } from "./KubeApiWatch.ts"

type Json = Readonly<Record<string, unknown>>

/** What a fake API server is made with. */
export interface KubeApiOptions {
  /** Collections by URL path, each with the kind of its objects. */
  readonly collections: Readonly<Record<CollectionPath, string>>
  /** Whether watches get a bookmark each minute; they do unless told. */
  readonly bookmarks?: boolean
}

const reviewPaths = {
  token: "/apis/authentication.k8s.io/v1/tokenreviews",
  access: "/apis/authorization.k8s.io/v1/subjectaccessreviews"
} as const

interface Watching {
  readonly collection: CollectionPath
  /** The one object that is watched, or all. */
  readonly name: string | undefined
  readonly watch: KubeApiWatch
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
  message: `told by the test: ${reason}`,
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
 * An API server in memory: list with pages, watch with bookmarks, 410, reviews; and everything that goes wrong with
 * one. Its faults stay until they are taken back. Time is the clock's, so that tests can pass it.
 */
export class KubeApi {
  readonly store = new KubeApiStore()
  readonly reviews = new KubeApiReviews()
  readonly requests: Array<ApiRequest & { readonly at: number }> = []
  readonly #watching = new Set<Watching>()
  readonly #options: KubeApiOptions

  /** Answers no connection. */
  isDown = false
  /** Takes requests, answers none. */
  isStalled = false
  /** Answers requests that match with a status in place of what they ask for. */
  refusal: ((request: ApiRequest) => number | undefined) | undefined
  /** Seconds named with each refusal. */
  retryAfter: number | undefined
  /** Whether a version that is no longer kept is told as the answer's status, or in the first event. */
  gone: "status" | "event" = "status"
  /** Answers `continue` tokens as if they had expired. */
  isContinueExpired = false
  /** Kinds that are not installed: 404. */
  readonly missing = new Set<CollectionPath>()
  readonly #lacks = Deferred.makeUnsafe<never>()

  constructor(options: KubeApiOptions) {
    this.#options = options
  }

  /** Dies once a kind is asked for that the test has neither made nor said to be missing; to race a test against. */
  readonly lacking: Effect.Effect<never> = Deferred.await(this.#lacks)

  /** Watches that are open now. */
  get watches(): ReadonlyArray<KubeApiWatch> {
    return [...this.#watching].flatMap(({ watch }) => (watch.isOpen ? [watch] : []))
  }

  apply(collection: CollectionPath, object: Json): void {
    this.#tell(this.store.apply(collection, object))
  }

  remove(collection: CollectionPath, name: string): void {
    const change = this.store.remove(collection, name)
    if (change !== undefined) this.#tell(change)
  }

  /** Ends every watch as a server does whose time is up. */
  end(): void {
    for (const watch of this.watches) watch.write("end")
  }

  /** Breaks every watch's connection. */
  drop(): void {
    for (const watch of this.watches) watch.write("break")
  }

  /** Lets every watch fall silent, its connection open. */
  silence(): void {
    for (const watch of this.watches) watch.isSilent = true
  }

  /** Writes bytes into every watch as they are. */
  write(bytes: Uint8Array | string): void {
    for (const watch of this.watches)
      watch.write(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes)
  }

  /** Tells every watch an error event. */
  error(code: number): void {
    this.write(line("ERROR", failure(code, reasons[code] ?? "Unknown")))
  }

  /** Answers a request; how it ends is the scope's. */
  readonly send = Effect.fnUntraced({ self: this }, function* (request: ApiRequest): Effect.fn.Return<
    ApiResponse,
    KubernetesError,
    Scope.Scope
  > {
    this.requests.push({ ...request, at: yield* Clock.currentTimeMillis })
    if (this.isDown) return yield* unreachable("nothing listens there, the test says")
    if (this.isStalled) return yield* Effect.never
    const refused = this.refusal?.(request)
    if (refused !== undefined) {
      return status(refused, this.retryAfter === undefined ? undefined : Duration.seconds(this.retryAfter))
    }
    if (request.method === "POST") return this.#create(request)
    const kind = this.#options.collections[request.path]
    if (kind === undefined || this.missing.has(request.path)) {
      const answer = this.#get(request.path)
      return answer ?? (yield* this.#lack(request.path))
    }
    return request.query?.["watch"] === "true"
      ? yield* this.#watch(request.path, kind, request.query)
      : this.#list(request.path, kind, request.query ?? {})
  })

  /** The requests of this server's client, without a network. */
  readonly layer: Layer.Layer<ApiServer> = Layer.succeed(ApiServer, { send: (request) => this.send(request) })

  #create({ body, path }: ApiRequest): ApiResponse {
    const answer =
      path === reviewPaths.token
        ? this.reviews.tokenReview(body)
        : path === reviewPaths.access
          ? this.reviews.subjectAccessReview(body)
          : undefined
    return answer === undefined ? status(404) : json(201, answer)
  }

  /** Told to all who race against {@link lacking}, since those who ask retry a defect as they do any other failure. */
  #lack(path: string): Effect.Effect<never> {
    const known = Object.keys(this.#options.collections).join(", ")
    const why = Effect.die(
      new Error(
        `the fake API server has no kind for ${path}; it has ${known}: add the kind to \`collections\`, or its path to \`missing\` if it is not to be there`
      )
    )
    return Effect.andThen(Deferred.complete(this.#lacks, why), why)
  }

  /** One object, or 404 where it or its kind is missing; undefined for a kind that the test does not speak of. */
  #get(path: string): ApiResponse | undefined {
    const slash = path.lastIndexOf("/")
    const collection = path.slice(0, slash)
    const kind = this.#options.collections[collection]
    if (this.missing.has(path) || this.missing.has(collection)) return status(404)
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
        resourceVersion: String(this.store.version),
        ...(next < all.length ? { continue: String(next) } : {})
      },
      // As a built-in kind's: what they are is only said of the list.
      items: items.map(({ apiVersion: _, kind: __, ...item }) => item)
    })
  }

  readonly #watch = Effect.fnUntraced(
    { self: this },
    function* (collection: CollectionPath, kind: string, query: Readonly<Record<string, string>>) {
      const name = /^metadata\.name=(.+)$/.exec(query["fieldSelector"] ?? "")?.[1]
      const watch = yield* KubeApiWatch.make
      const from = query["resourceVersion"]
      if (from !== undefined && Number(from) < this.store.compacted) {
        if (this.gone === "status") return status(410)
        watch.write(line("ERROR", failure(410, "Expired")))
        watch.write("end")
      }
      const watching: Watching = { collection, name, watch }
      // Without a version a watch begins with what there is.
      const past =
        from === undefined
          ? this.store.list(collection).map((object) => ({ type: "ADDED" as const, object }))
          : this.store.since(collection, Number(from))
      for (const { object, type } of past) this.#write(watching, type, object)
      this.#watching.add(watching)
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          watch.isOpen = false
          this.#watching.delete(watching)
        })
      )
      const seconds = Number(query["timeoutSeconds"] ?? "3600")
      const wantsBookmarks = query["allowWatchBookmarks"] === "true" && this.#options.bookmarks !== false
      const response: ApiResponse = {
        status: 200,
        retryAfter: undefined,
        body: watch.body({
          endsAt: (yield* Clock.currentTimeMillis) + seconds * 1000,
          bookmark: wantsBookmarks
            ? () => line("BOOKMARK", { kind, metadata: { resourceVersion: String(this.store.version) } })
            : undefined
        })
      }
      return response
    }
  )

  #tell(change: Change): void {
    for (const watching of this.#watching) {
      if (watching.collection === change.collection) this.#write(watching, change.type, change.object)
    }
  }

  #write({ name, watch }: Watching, type: Change["type"], object: Json): void {
    const { metadata } = object
    const named = typeof metadata === "object" && metadata !== null && "name" in metadata ? metadata.name : ""
    if (watch.isOpen && (name === undefined || name === named)) watch.write(line(type, object))
  }
}
