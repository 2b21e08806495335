import { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import type { RepositoryKey } from "@registry-packages-proxy/domain/RepositoryKey"
import type { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import { Clock, Context, Effect, type FileSystem, Layer, Metric, Option, Schedule, Stream } from "effect"
import { CredentialError, NotSynced, UnknownRepository, Unreadable } from "./CredentialError.ts"
import * as FileFeed from "./feeds/FileFeed.ts"
import * as Feed from "./feeds/Feed.ts"
import type { SourceKey } from "./kinds/ObjectKind.ts"
import { SourceIndex } from "./internal/SourceIndex.ts"
import * as Metrics from "./Metrics.ts"
import * as WatchFeed from "./feeds/WatchFeed.ts"

/** The state of the store, for /readyz, metrics and logs. Holds no secret. */
export interface CredentialStatus {
  /**
   * True once every feed has delivered its objects. Before that, `get` fails with `NotSynced` for a repository without
   * a source.
   */
  readonly synced: boolean
  /** A word, such as `module-sources`, for each feed that has not delivered its objects. Empty if `synced` is true. */
  readonly waitingFor: ReadonlyArray<Feed.AwaitedObjects>
  /**
   * True while every feed can read its file or API server. If false, a feed may miss a new object, and the error
   * `UnknownRepository` may be wrong.
   */
  readonly upToDate: boolean
  /** The number of repositories for which the store has a {@link RegistrySource}. */
  readonly sources: number
  /**
   * The last time at which a feed delivered objects, or confirmed that its objects have not changed, in milliseconds
   * since the epoch. None if no feed has done this yet.
   */
  readonly lastSync: Option.Option<number>
}

/** Finds the registry of a repository, and the credentials for that registry. */
export class CredentialStore extends Context.Service<
  CredentialStore,
  {
    /**
     * Returns the source of `repository`, or of the cluster's own registry if `repository` is none. The source has the
     * credential for `path` below the repository. Call `get` for each pull, so that changed credentials are used.
     */
    readonly get: (
      repository: Option.Option<RepositoryKey>,
      path: PathComponents
    ) => Effect.Effect<RegistrySource, CredentialError>
    readonly status: Effect.Effect<CredentialStatus>
  }
>()("@registry-packages-proxy/credential-store/CredentialStore") {
  /**
   * Makes a store of the objects that `feeds` deliver. The feeds run in the layer's scope. The layer does not wait for
   * the first objects (see `CredentialStatus.synced`).
   *
   * If several objects name the same repository, the store uses one of them. It prefers objects that are valid or have
   * an earlier valid version. Among these, it prefers the smaller `precedence` of the feed, then the older object, then
   * the earlier feed in `feeds`.
   */
  static readonly layerFeeds = (feeds: ReadonlyArray<Feed.Feed>): Layer.Layer<CredentialStore> =>
    Layer.effect(CredentialStore, make(feeds))

  /**
   * Makes a store of the objects in credentials files. If several objects name the same repository, the store uses the
   * oldest object. Among equally old objects, it uses the object of the earliest file in `paths`.
   */
  static readonly layerFiles = (
    paths: ReadonlyArray<string>
  ): Layer.Layer<CredentialStore, never, FileSystem.FileSystem> =>
    Layer.effect(
      CredentialStore,
      Effect.flatMap(
        Effect.forEach(paths, (path) => FileFeed.feed(path)),
        make
      )
    )

  /**
   * Makes a store of the objects from credentials files and an API server. If valid objects from both name the same
   * repository, the store uses an object from a file.
   */
  static readonly layerWatch = (
    paths: ReadonlyArray<string>
  ): Layer.Layer<CredentialStore, never, FileSystem.FileSystem | KubernetesApi> =>
    Layer.effect(
      CredentialStore,
      Effect.gen(function* () {
        const files = yield* Effect.forEach(paths, (path) => FileFeed.feed(path))
        return yield* make([...files, ...WatchFeed.feeds(yield* KubernetesApi)])
      })
    )
}

const make = Effect.fnUntraced(function* (feeds: ReadonlyArray<Feed.Feed>) {
  const index = new SourceIndex(feeds)
  yield* publish(index)
  yield* Effect.forEach(feeds, (feed, feedIndex) => Effect.forkScoped(follow(index, feed, feedIndex)), {
    discard: true
  })
  return CredentialStore.of({
    get: (repository, path) => Effect.suspend(() => find(index, repository, path)),
    status: Effect.sync(() => statusOf(index))
  })
})

const find = (
  index: SourceIndex,
  repository: Option.Option<RepositoryKey>,
  path: PathComponents
): Effect.Effect<RegistrySource, CredentialError> => {
  const found = index.find(
    Option.getOrElse(repository, (): SourceKey => "own"),
    path
  )
  if (found._tag === "Source") return Effect.succeed(found.source)
  if (found._tag === "Unreadable") {
    return new CredentialError({
      reason: new Unreadable({ sourceObject: found.sourceObject, detail: found.detail })
    })
  }
  const { synced, upToDate, waitingFor } = statusOf(index)
  return new CredentialError({
    reason: synced ? new UnknownRepository({ repository, upToDate }) : new NotSynced({ waitingFor })
  })
}

const statusOf = (index: SourceIndex): CredentialStatus => {
  const waitingFor = index.waitingFor
  return {
    synced: waitingFor.length === 0,
    waitingFor,
    upToDate: index.staleFeedCount === 0,
    sources: index.sourceCount,
    lastSync: index.lastSync
  }
}

const publish = (index: SourceIndex): Effect.Effect<void> =>
  Effect.all(
    [
      Metric.update(Metrics.sourcesKnown, index.sourceCount),
      Metric.update(Metrics.errors, index.errorCount),
      Metric.update(Metrics.feedsOutOfTouch, index.staleFeedCount),
      Metric.update(Metrics.lastSync, Option.getOrElse(index.lastSync, () => 0) / 1000)
    ],
    { discard: true }
  )

const apply = Effect.fnUntraced(function* (
  index: SourceIndex,
  feedIndex: number,
  events: ReadonlyArray<Feed.FeedEvent>
) {
  const now = yield* Clock.currentTimeMillis
  const log = events.flatMap((event) => index.apply(feedIndex, event, now))
  yield* publish(index)
  for (const { fields, level, message } of log) yield* Effect.logWithLevel(level)(message, fields)
})

const restart = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("30 seconds")])

/**
 * Applies the events of a feed. If the feed fails with a defect, logs the name of the error and restarts the feed after
 * a delay. Does not log the error's message, which may contain a secret.
 */
const follow = (index: SourceIndex, feed: Feed.Feed, feedIndex: number): Effect.Effect<void> =>
  Stream.runForEachArray(feed.events, (events) => apply(index, feedIndex, events)).pipe(
    Effect.catchDefect((defect) =>
      apply(index, feedIndex, [
        Feed.stale(`it failed unexpectedly (${defect instanceof Error ? defect.name : "defect"})`)
      ]).pipe(Effect.andThen(Effect.fail("defect" as const)))
    ),
    Effect.retry(restart),
    Effect.ignore
  )
