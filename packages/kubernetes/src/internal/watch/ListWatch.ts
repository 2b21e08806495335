import { Clock, Effect, Metric, Option, Pull, Queue, Random, Result, Schema, Stream } from "effect"
import type { ApiServer } from "../../ApiServer.ts"
import { invalid, type KubernetesError, unreachable } from "../../KubernetesError.ts"
import * as Metrics from "../../Metrics.ts"
import * as Resource from "../../Resource.ts"
import type { WatchEvent } from "../../WatchEvent.ts"
import * as Answer from "../request/Answer.ts"
import { Backoff } from "./Backoff.ts"
import { Known, type Taken } from "./Known.ts"
import { type Line, Lines } from "../request/Lines.ts"
import * as ListPages from "../request/ListPages.ts"

/** What the server is asked to end a watch after, in seconds: this, and up to as much again at random. */
const timeoutSeconds = 300

/** How much longer than that it may take, in milliseconds. */
const timeoutGrace = 30_000

/** A server that sends bookmarks does so every minute; silent for this long, in milliseconds, it is gone. */
const silence = 180_000

/** A watch that ended sooner than this without an event is no watch, in milliseconds. */
const shortest = 10_000

/** Events on their way to a consumer that is slower than the server. */
const ahead = 16

const Event = Schema.Struct({
  type: Schema.Literals(["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]),
  object: Schema.Unknown
})

const decodeEvent = Schema.decodeUnknownOption(Event)

const decodeVersion = Schema.decodeUnknownOption(
  Schema.Struct({ metadata: Schema.Struct({ resourceVersion: Schema.NonEmptyString }) })
)

/** How far a watch came before it ended. */
interface Session {
  /** Since when there has been a watch, in milliseconds. */
  began: number | undefined
  /** Events came, or it lasted. */
  worked: boolean
  malformed: boolean
}

/** One resource, followed for as long as its stream is read. */
class Follower<A> {
  readonly #server: ApiServer["Service"]
  readonly #resource: Resource.Resource<A>
  readonly #name: string | undefined
  readonly #queue: Queue.Enqueue<WatchEvent<A>>
  readonly #metrics: Metrics.WatchMetrics
  readonly #known: Known<A>
  readonly #backoff = new Backoff()
  #synced = false
  /** Where the next watch goes on; undefined: what is there has to be read first. */
  #position: string | undefined
  /** What is there was read anew because of a 410, and nothing came of it yet. */
  #relisted = false
  #bookmarked = false
  #session: Session = { began: undefined, worked: false, malformed: false }

  constructor(
    server: ApiServer["Service"],
    resource: Resource.Resource<A>,
    name: string | undefined,
    queue: Queue.Enqueue<WatchEvent<A>>
  ) {
    this.#server = server
    this.#resource = resource
    this.#name = name
    this.#queue = queue
    this.#metrics = Metrics.watch(Resource.label(resource))
    this.#known = new Known(resource)
  }

  /** The same for all its requests, so that what goes wrong with each in turn is one thing to tell. */
  get #what(): string {
    const read = this.#name === undefined ? "list" : "get"
    return `${read} and watch ${Resource.label(this.#resource)}`
  }

  /** Reads, watches, and begins again, for ever. */
  readonly run: Effect.Effect<never> = Effect.suspend(() =>
    Effect.forever(Effect.flatMap(Effect.result(this.#round), (result) => this.#settle(result)))
  )

  readonly #round: Effect.Effect<void, KubernetesError> = Effect.gen({ self: this }, function* () {
    this.#session = { began: undefined, worked: false, malformed: false }
    if (this.#position === undefined) {
      yield* this.#traced(this.#name === undefined ? "list" : "get", this.#read())
    }
    yield* this.#traced("watch", Effect.scoped(this.#watch))
  })

  /** In a trace of its own: nobody's request is the reason. */
  readonly #traced = <B, E>(name: string, self: Effect.Effect<B, E>): Effect.Effect<B, E> =>
    Effect.withSpan(self, name, {
      root: true,
      attributes: { "k8s.resource": Resource.label(this.#resource) },
      captureStackTrace: false
    })

  readonly #read = Effect.fnUntraced({ self: this }, function* () {
    if (this.#name === undefined) {
      const { objects, resourceVersion } = yield* ListPages.list(this.#server, this.#resource, this.#what)
      yield* this.#tellAll(objects)
      this.#position = resourceVersion
    } else {
      yield* this.#tellAll(yield* ListPages.getOne(this.#server, this.#resource, this.#name, this.#what))
    }
  })

  readonly #watch = Effect.gen({ self: this }, function* () {
    const seconds = timeoutSeconds + Math.floor((yield* Random.next) * (timeoutSeconds + 1))
    const response = yield* this.#server
      .send({ method: "GET", path: Resource.path(this.#resource), query: this.#query(seconds) })
      .pipe(this.#within(ListPages.answerTimeout))
    if (response.status !== 200) {
      yield* Answer.json(this.#what, response).pipe(this.#within(ListPages.answerTimeout))
      return yield* invalid(`the API server answered ${this.#what} with ${response.status}`)
    }
    this.#session.began = yield* Clock.currentTimeMillis
    // What happened between reading the object and the begin of a watch without a version.
    if (this.#name !== undefined) yield* this.#read()
    yield* this.#tell({ _tag: "InTouch" })
    const lines = new Lines()
    const pull = yield* Stream.toPull(response.body)
    const next = Effect.suspend(() =>
      pull.pipe(this.#within(this.#bookmarked ? silence : seconds * 1000 + timeoutGrace, this.#lost))
    )
    // A Pull ends as an effect fails, with Done.
    return yield* next.pipe(
      Effect.flatMap((chunks) => this.#lines(chunks.flatMap((chunk) => lines.push(chunk)))),
      Effect.forever,
      Pull.catchDone(() => Effect.void)
    )
  })

  #query(seconds: number): Readonly<Record<string, string>> {
    return {
      watch: "true",
      allowWatchBookmarks: "true",
      timeoutSeconds: String(seconds),
      ...(this.#position === undefined ? {} : { resourceVersion: this.#position }),
      ...(this.#name === undefined ? {} : { fieldSelector: `metadata.name=${this.#name}` })
    }
  }

  readonly #within =
    (millis: number, lost: Effect.Effect<void> = Effect.void) =>
    <B, E, R>(self: Effect.Effect<B, E, R>): Effect.Effect<B, E | KubernetesError, R> =>
      Effect.timeoutOrElse(self, {
        duration: millis,
        orElse: () =>
          Effect.andThen(
            lost,
            Effect.fail(unreachable(`the API server went silent when asked to ${this.#what}`))
          )
      })

  /** A server whose etcd was put back to an older state is silent after a position that it never had. */
  readonly #lost: Effect.Effect<void> = Effect.sync(() => {
    this.#position = undefined
  })

  readonly #lines = Effect.fnUntraced({ self: this }, function* (lines: ReadonlyArray<Line>) {
    if (lines.length === 0) return
    yield* Metric.update(this.#metrics.events, lines.length)
    yield* Metric.update(this.#metrics.lastEvent, (yield* Clock.currentTimeMillis) / 1000)
    for (const line of lines) yield* this.#line(line)
  })

  readonly #line = (line: Line): Effect.Effect<void, KubernetesError> => {
    const event = line === "tooLong" ? Option.none() : decodeEvent(Answer.parse(line))
    if (Option.isNone(event)) return this.#malformed
    const { object, type } = event.value
    if (type !== "ERROR") {
      this.#session.worked = true
      this.#relisted = false
    }
    switch (type) {
      case "ERROR":
        // Where the server lost its place, so did we.
        this.#position = undefined
        return Effect.fail(Answer.failureOfEvent(this.#what, object))
      case "BOOKMARK":
        this.#bookmarked = true
        return Effect.andThen(this.#tell({ _tag: "InTouch" }), this.#advance(object))
      case "DELETED":
        return Effect.andThen(this.#take(this.#known.remove(object)), this.#advance(object))
      case "ADDED":
      case "MODIFIED":
        return Effect.andThen(this.#take(this.#known.put(object, "event")), this.#advance(object))
    }
  }

  /** Only once the event was told: who follows on from here would miss it. */
  readonly #advance = (object: unknown): Effect.Effect<void> =>
    Effect.sync(() => {
      const version = Option.getOrUndefined(decodeVersion(object))?.metadata.resourceVersion
      if (this.#position !== undefined && version !== undefined) this.#position = version
    })

  /** What the line would have told is found by reading anew, once this watch has ended. */
  readonly #malformed: Effect.Effect<void> = Effect.suspend(() => {
    const first = !this.#session.malformed
    this.#session.malformed = true
    return Effect.andThen(
      Metric.update(this.#metrics.malformed, 1),
      first
        ? Effect.logWarning(`${this.#what}: a line from the API server cannot be read and is left out`)
        : Effect.void
    )
  })

  readonly #tell = (event: WatchEvent<A>): Effect.Effect<void> =>
    Effect.asVoid(Queue.offer(this.#queue, event))

  readonly #tellAll = (objects: ReadonlyArray<unknown>): Effect.Effect<void> => {
    const taken = this.#synced ? this.#known.replace(objects) : this.#known.sync(objects)
    this.#synced = true
    return Effect.forEach(taken, this.#take, { discard: true })
  }

  readonly #take = ({ event, undecodable }: Taken<A>): Effect.Effect<void> =>
    undecodable === undefined
      ? event === undefined
        ? Effect.void
        : this.#tell(event)
      : Effect.andThen(
          Metric.update(this.#metrics.undecodable, 1),
          Effect.logWarning(`${this.#resource.kind} ${undecodable} does not look like one and is left out`)
        )

  /** What comes after a watch that ended: at once where it worked, after a while where it did not. */
  readonly #settle = Effect.fnUntraced(
    { self: this },
    function* (result: Result.Result<void, KubernetesError>) {
      const { began, malformed, worked } = this.#session
      const now = yield* Clock.currentTimeMillis
      const isUseful = worked || (began !== undefined && now - began >= shortest)
      if (malformed) this.#position = undefined
      if (Result.isSuccess(result)) {
        yield* Metric.update(this.#metrics.restarts.ended, 1)
        return isUseful ? undefined : yield* this.#backoff.wait()
      }
      const { reason } = result.failure
      if (reason._tag === "Gone") {
        const again = this.#relisted
        this.#relisted = true
        this.#position = undefined
        yield* Metric.update(this.#metrics.restarts.gone, 1)
        return again ? yield* this.#backoff.wait() : undefined
      }
      yield* Metric.update(this.#metrics.restarts.failed, 1)
      // A server that answers, but with an error, may have lost what came before.
      if (reason._tag !== "Unreachable") this.#position = undefined
      // A connection that served and broke is made anew before anybody is told.
      if (!(isUseful && reason._tag === "Unreachable"))
        yield* this.#tell({ _tag: "OutOfTouch", error: result.failure })
      return yield* this.#backoff.wait(
        reason._tag === "Unreachable" ? Option.getOrElse(reason.retryAfter, () => 0) : 0
      )
    }
  )
}

/** The resource's objects (of one name, where that is given) as they are and as they change, for ever. */
export const listWatch = <A>(
  server: ApiServer["Service"],
  resource: Resource.Resource<A>,
  name: string | undefined
): Stream.Stream<WatchEvent<A>> =>
  Stream.callback<WatchEvent<A>>((queue) => new Follower(server, resource, name, queue).run, {
    bufferSize: ahead,
    strategy: "suspend"
  })
