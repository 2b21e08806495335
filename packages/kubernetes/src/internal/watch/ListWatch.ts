import { Clock, Duration, Effect, Metric, Option, Pull, Queue, Random, Result, Schema, Stream } from "effect"
import type { ApiServer } from "../../ApiServer.ts"
import { invalid, type KubernetesError, unreachable } from "../../KubernetesError.ts"
import * as Metrics from "../../Metrics.ts"
import * as Resource from "../../Resource.ts"
import type { WatchEvent } from "../../WatchEvent.ts"
import * as JsonResponse from "../request/JsonResponse.ts"
import { Backoff } from "./Backoff.ts"
import { type ObjectChange, ObjectVersions } from "./ObjectVersions.ts"
import { type Line, LineSplitter } from "../request/LineSplitter.ts"
import { responseTimeout } from "../request/JsonRequest.ts"
import * as ListPages from "../request/ListPages.ts"

/**
 * The minimum `timeoutSeconds` of a watch request, in seconds. A random number of seconds, from 0 to this number, is
 * added, so that the watches of several clients do not end at the same time.
 */
const minTimeoutSeconds = 300

/**
 * The time that is added to the `timeoutSeconds` of a watch if the server sends no bookmarks. The watch is aborted if
 * nothing arrives for the total time.
 */
const timeoutGrace = Duration.seconds(30)

/**
 * A watch on a server that sends bookmarks is aborted when nothing arrives for this time. API servers send a bookmark
 * about every minute.
 */
const maxSilence = Duration.minutes(3)

/**
 * The minimum duration of a watch without events, in milliseconds. If the server ends such a watch earlier, the next
 * watch begins after a delay.
 */
const minWatchMillis = 10_000

/** The maximum number of events that are buffered for a slow consumer. */
const maxBufferedEvents = 16

const Event = Schema.Struct({
  type: Schema.Literals(["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]),
  object: Schema.Unknown
})

const decodeEvent = Schema.decodeUnknownOption(Event)

const decodeVersion = Schema.decodeUnknownOption(
  Schema.Struct({ metadata: Schema.Struct({ resourceVersion: Schema.NonEmptyString }) })
)

/** The progress of one watch. */
interface Session {
  /** Milliseconds since the epoch. Undefined until the watch has begun. */
  beganAt: number | undefined
  hadEvents: boolean
  hadMalformedLines: boolean
}

/** Lists and watches one resource, and offers the events to a queue. */
class Watcher<A> {
  readonly #server: ApiServer["Service"]
  readonly #resource: Resource.Resource<A>
  readonly #name: string | undefined
  readonly #queue: Queue.Enqueue<WatchEvent<A>>
  readonly #metrics: Metrics.WatchMetrics
  readonly #versions: ObjectVersions<A>
  readonly #backoff = new Backoff()
  #synced = false
  /** The resource version from which the next watch continues. Undefined if the next attempt must first list or get. */
  #position: string | undefined
  /**
   * True if the server has answered 410 and has sent no event since then. Another 410 is then retried after a delay.
   */
  #relisted = false
  #bookmarked = false
  #session: Session = { beganAt: undefined, hadEvents: false, hadMalformedLines: false }

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
    this.#metrics = Metrics.watchMetrics(Resource.groupResource(resource))
    this.#versions = new ObjectVersions(resource)
  }

  /**
   * The text that names a request in error messages. All requests of a watcher have the same text, so that the messages
   * of repeated failures are equal.
   */
  get #operation(): string {
    const read = this.#name === undefined ? "list" : "get"
    return `${read} and watch ${Resource.groupResource(this.#resource)}`
  }

  readonly run: Effect.Effect<never> = Effect.suspend(() =>
    Effect.forever(Effect.flatMap(Effect.result(this.#round), (result) => this.#settle(result)))
  )

  readonly #round: Effect.Effect<void, KubernetesError> = Effect.gen({ self: this }, function* () {
    this.#session = { beganAt: undefined, hadEvents: false, hadMalformedLines: false }
    if (this.#position === undefined) {
      yield* this.#traced(this.#name === undefined ? "list" : "get", this.#read())
    }
    yield* this.#traced("watch", Effect.scoped(this.#watch))
  })

  /** Runs an effect in a new trace, because no client request causes it. */
  readonly #traced = <B, E>(name: string, self: Effect.Effect<B, E>): Effect.Effect<B, E> =>
    Effect.withSpan(self, name, {
      root: true,
      attributes: { "k8s.resource": Resource.groupResource(this.#resource) },
      captureStackTrace: false
    })

  readonly #read = Effect.fnUntraced({ self: this }, function* () {
    if (this.#name === undefined) {
      const { objects, resourceVersion } = yield* ListPages.list(
        this.#server,
        this.#resource,
        this.#operation
      )
      yield* this.#emitAll(objects)
      this.#position = resourceVersion
    } else {
      yield* this.#emitAll(
        yield* ListPages.getAsList(this.#server, this.#resource, this.#name, this.#operation)
      )
    }
  })

  readonly #watch = Effect.gen({ self: this }, function* () {
    const seconds = minTimeoutSeconds + Math.floor((yield* Random.next) * (minTimeoutSeconds + 1))
    const response = yield* this.#server
      .send({ method: "GET", path: Resource.path(this.#resource), query: this.#query(seconds) })
      .pipe(this.#within(responseTimeout))
    if (response.status !== 200) {
      yield* JsonResponse.read(this.#operation, response).pipe(this.#within(responseTimeout))
      return yield* invalid(`the API server answered ${this.#operation} with ${response.status}`)
    }
    this.#session.beganAt = yield* Clock.currentTimeMillis
    // This watch has no resource version. It misses changes between the first get and the start of the watch, so the
    // object is read again.
    if (this.#name !== undefined) yield* this.#read()
    yield* this.#emit({ _tag: "UpToDate" })
    const lines = new LineSplitter()
    const pull = yield* Stream.toPull(response.body)
    const next = Effect.suspend(() =>
      pull.pipe(
        this.#within(
          this.#bookmarked ? maxSilence : Duration.sum(Duration.seconds(seconds), timeoutGrace),
          this.#forgetPosition
        )
      )
    )
    // A Pull signals its end by failing with Done.
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
    (duration: Duration.Duration, onTimeout: Effect.Effect<void> = Effect.void) =>
    <B, E, R>(self: Effect.Effect<B, E, R>): Effect.Effect<B, E | KubernetesError, R> =>
      Effect.timeoutOrElse(self, {
        duration,
        orElse: () =>
          Effect.andThen(
            onTimeout,
            Effect.fail(unreachable(`the API server did not respond in time to ${this.#operation}`))
          )
      })

  /**
   * Clears the position, so that the next attempt reads all objects. After a restore of etcd from a backup, the
   * position may be newer than the backup. The server then sends no events.
   */
  readonly #forgetPosition: Effect.Effect<void> = Effect.sync(() => {
    this.#position = undefined
  })

  readonly #lines = Effect.fnUntraced({ self: this }, function* (lines: ReadonlyArray<Line>) {
    if (lines.length === 0) return
    yield* Metric.update(this.#metrics.events, lines.length)
    yield* Metric.update(this.#metrics.lastEvent, (yield* Clock.currentTimeMillis) / 1000)
    for (const line of lines) yield* this.#line(line)
  })

  readonly #line = (line: Line): Effect.Effect<void, KubernetesError> => {
    const event = line === "tooLong" ? Option.none() : decodeEvent(JsonResponse.parseJson(line))
    if (Option.isNone(event)) return this.#malformed
    const { object, type } = event.value
    if (type !== "ERROR") {
      this.#session.hadEvents = true
      this.#relisted = false
    }
    switch (type) {
      case "ERROR":
        this.#position = undefined
        return Effect.fail(JsonResponse.errorOfEvent(this.#operation, object))
      case "BOOKMARK":
        this.#bookmarked = true
        return Effect.andThen(this.#emit({ _tag: "UpToDate" }), this.#advance(object))
      case "DELETED":
        return Effect.andThen(this.#apply(this.#versions.remove(object)), this.#advance(object))
      case "ADDED":
      case "MODIFIED":
        return Effect.andThen(this.#apply(this.#versions.update(object, "event")), this.#advance(object))
    }
  }

  /**
   * Sets the position of the watch to the `resourceVersion` of an object. The next watch request continues after this
   * object. Call this function after the object's event is emitted.
   */
  readonly #advance = (object: unknown): Effect.Effect<void> =>
    Effect.sync(() => {
      const version = Option.getOrUndefined(decodeVersion(object))?.metadata.resourceVersion
      if (this.#position !== undefined && version !== undefined) this.#position = version
    })

  /**
   * Counts a malformed line of a watch. Logs only the first malformed line of each watch. The line may contain a
   * change of an object. Therefore, all objects are read again after the watch has ended.
   */
  readonly #malformed: Effect.Effect<void> = Effect.suspend(() => {
    const isFirst = !this.#session.hadMalformedLines
    this.#session.hadMalformedLines = true
    return Effect.andThen(
      Metric.update(this.#metrics.malformed, 1),
      isFirst
        ? Effect.logWarning("skipping malformed line from the API server", {
            resource: Resource.groupResource(this.#resource)
          })
        : Effect.void
    )
  })

  readonly #emit = (event: WatchEvent<A>): Effect.Effect<void> =>
    Effect.asVoid(Queue.offer(this.#queue, event))

  readonly #emitAll = (objects: ReadonlyArray<unknown>): Effect.Effect<void> => {
    const changes = this.#synced ? this.#versions.replace(objects) : this.#versions.sync(objects)
    this.#synced = true
    return Effect.forEach(changes, this.#apply, { discard: true })
  }

  readonly #apply = ({ event, undecodable }: ObjectChange<A>): Effect.Effect<void> =>
    undecodable === undefined
      ? event === undefined
        ? Effect.void
        : this.#emit(event)
      : Effect.andThen(
          Metric.update(this.#metrics.undecodable, 1),
          Effect.logWarning("skipping invalid object", { kind: this.#resource.kind, name: undecodable })
        )

  /**
   * Handles the end of an attempt, and counts it in the metrics. Clears `#position` if the next attempt must read all
   * objects. A watch is successful if it received an event or lasted for at least `minWatchMillis`.
   *
   * If the server ended the watch, waits before the next attempt, unless the watch was successful.
   *
   * If the error is `Gone`, waits before the next attempt, unless this is the first `Gone` since the last event.
   *
   * If there is another error, waits before the next attempt. Also emits `AttemptFailed`, unless the error is
   * `Unreachable` and the watch was successful.
   */
  readonly #settle = Effect.fnUntraced(
    { self: this },
    function* (result: Result.Result<void, KubernetesError>) {
      const { beganAt, hadEvents, hadMalformedLines } = this.#session
      const now = yield* Clock.currentTimeMillis
      const hasWorked = hadEvents || (beganAt !== undefined && now - beganAt >= minWatchMillis)
      if (hadMalformedLines) this.#position = undefined
      if (Result.isSuccess(result)) {
        yield* Metric.update(this.#metrics.restarts.ended, 1)
        return hasWorked ? undefined : yield* this.#backoff.wait()
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
      // A server that responds with an error may have lost its history, so the next attempt reads all objects.
      if (reason._tag !== "Unreachable") this.#position = undefined
      // After a watch that has worked, a broken connection is retried once before AttemptFailed is emitted.
      if (!(hasWorked && reason._tag === "Unreachable"))
        yield* this.#emit({ _tag: "AttemptFailed", error: result.failure })
      return yield* this.#backoff.wait(
        reason._tag === "Unreachable" ? Option.getOrElse(reason.retryAfter, () => Duration.zero) : undefined
      )
    }
  )
}

/** Implements `KubernetesApi.listWatch`. */
export const listWatch = <A>(
  server: ApiServer["Service"],
  resource: Resource.Resource<A>,
  name: string | undefined
): Stream.Stream<WatchEvent<A>> =>
  Stream.callback<WatchEvent<A>>((queue) => new Watcher(server, resource, name, queue).run, {
    bufferSize: maxBufferedEvents,
    strategy: "suspend"
  })
