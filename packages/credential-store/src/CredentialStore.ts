import { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import type { RepositoryKey } from "@registry-packages-proxy/domain/RepositoryKey"
import type { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import { Clock, Context, Effect, type FileSystem, Layer, Metric, Option, Schedule, Stream } from "effect"
import { CredentialError, NotSynced, UnknownRepository, Unreadable } from "./CredentialError.ts"
import * as CredentialsFile from "./feeds/CredentialsFile.ts"
import * as Feed from "./feeds/Feed.ts"
import { ownSlot } from "./kinds/ObjectKind.ts"
import { Ledger } from "./internal/Ledger.ts"
import * as Metrics from "./Metrics.ts"
import * as WatchFeed from "./feeds/WatchFeed.ts"

/** What the store knows, for /readyz, metrics and logs. Holds no secret. */
export interface CredentialStatus {
  /** Every feed has delivered its objects once: what is not known now does not exist. */
  readonly synced: boolean
  /** What feeds that have not delivered yet are to bring. */
  readonly waitingFor: ReadonlyArray<Feed.Awaited>
  /** Every feed is in touch with its origin now, so an unknown repository is known not to exist. */
  readonly upToDate: boolean
  /** How many registry sources can be asked for. */
  readonly sources: number
  /** When a feed last delivered, or confirmed that nothing changed, in milliseconds since the epoch. */
  readonly lastSync: Option.Option<number>
}

/** Which registry serves a repository, and with what credentials. */
export class CredentialStore extends Context.Service<
  CredentialStore,
  {
    /**
     * The source of a ModuleSource's repository, or, for none, of the cluster's own registry, with the credential that
     * counts for `path` below it. Always the newest known: ask anew for each pull.
     */
    readonly get: (
      repository: Option.Option<RepositoryKey>,
      path: PathComponents
    ) => Effect.Effect<RegistrySource, CredentialError>
    readonly status: Effect.Effect<CredentialStatus>
  }
>()("@registry-packages-proxy/credential-store/CredentialStore") {
  /**
   * The store fed by `feeds`, each run in the layer's scope. Building the layer does not wait for them: see
   * `CredentialStatus.synced`.
   *
   * Where objects of several feeds name one repository, the smaller `precedence` serves; among equals the older
   * object, then the feed that stands earlier in `feeds`. An object that can be read goes before one that cannot.
   */
  static readonly layerFeeds = (feeds: ReadonlyArray<Feed.Feed>): Layer.Layer<CredentialStore> =>
    Layer.effect(CredentialStore, make(feeds))

  /** The store fed by credentials files; the file named first wins among equals. */
  static readonly layerFiles = (
    paths: ReadonlyArray<string>
  ): Layer.Layer<CredentialStore, never, FileSystem.FileSystem> =>
    Layer.effect(
      CredentialStore,
      Effect.flatMap(
        Effect.forEach(paths, (path) => CredentialsFile.feed(path)),
        make
      )
    )

  /** The store fed by an API server, and by credentials files, which win by repository. */
  static readonly layerWatch = (
    paths: ReadonlyArray<string>
  ): Layer.Layer<CredentialStore, never, FileSystem.FileSystem | KubernetesApi> =>
    Layer.effect(
      CredentialStore,
      Effect.gen(function* () {
        const files = yield* Effect.forEach(paths, (path) => CredentialsFile.feed(path))
        return yield* make([...files, ...WatchFeed.feeds(yield* KubernetesApi)])
      })
    )
}

const make = Effect.fnUntraced(function* (feeds: ReadonlyArray<Feed.Feed>) {
  const ledger = new Ledger(feeds)
  yield* publish(ledger)
  yield* Effect.forEach(feeds, (feed, index) => Effect.forkScoped(follow(ledger, feed, index)), {
    discard: true
  })
  return CredentialStore.of({
    get: (repository, path) => Effect.suspend(() => find(ledger, repository, path)),
    status: Effect.sync(() => statusOf(ledger))
  })
})

const find = (
  ledger: Ledger,
  repository: Option.Option<RepositoryKey>,
  path: PathComponents
): Effect.Effect<RegistrySource, CredentialError> => {
  const found = ledger.find(
    Option.getOrElse(repository, () => ownSlot),
    path
  )
  if (found._tag === "Source") return Effect.succeed(found.source)
  if (found._tag === "Unreadable") {
    return new CredentialError({ reason: new Unreadable({ origin: found.origin, detail: found.detail }) })
  }
  const { synced, upToDate, waitingFor } = statusOf(ledger)
  return new CredentialError({
    reason: synced ? new UnknownRepository({ repository, upToDate }) : new NotSynced({ waitingFor })
  })
}

const statusOf = (ledger: Ledger): CredentialStatus => {
  const waitingFor = ledger.waitingFor
  return {
    synced: waitingFor.length === 0,
    waitingFor,
    upToDate: ledger.outOfTouch === 0,
    sources: ledger.sources,
    lastSync: ledger.lastSync
  }
}

const publish = (ledger: Ledger): Effect.Effect<void> =>
  Effect.all(
    [
      Metric.update(Metrics.sourcesKnown, ledger.sources),
      Metric.update(Metrics.errors, ledger.errors),
      Metric.update(Metrics.feedsOutOfTouch, ledger.outOfTouch),
      Metric.update(Metrics.lastSync, Option.getOrElse(ledger.lastSync, () => 0) / 1000)
    ],
    { discard: true }
  )

const take = Effect.fnUntraced(function* (
  ledger: Ledger,
  index: number,
  events: ReadonlyArray<Feed.FeedEvent>
) {
  const now = yield* Clock.currentTimeMillis
  const reports = events.flatMap((event) => ledger.apply(index, event, now))
  yield* publish(ledger)
  for (const { level, message } of reports) yield* Effect.logWithLevel(level)(message)
})

const restart = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("30 seconds")])

/** A feed that dies is a bug: it is told (by the defect's name alone, since its text may hold a secret) and begun anew. */
const follow = (ledger: Ledger, feed: Feed.Feed, index: number): Effect.Effect<void> =>
  Stream.runForEachArray(feed.events, (events) => take(ledger, index, events)).pipe(
    Effect.catchDefect((defect) =>
      take(ledger, index, [
        Feed.outOfTouch(`it failed unexpectedly (${defect instanceof Error ? defect.name : "defect"})`)
      ]).pipe(Effect.andThen(Effect.fail("defect" as const)))
    ),
    Effect.retry(restart),
    Effect.ignore
  )
