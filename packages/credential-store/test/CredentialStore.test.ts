import { assert, describe, it } from "@effect/vitest"
import { type CapturedLog, captureLog } from "@registry-packages-proxy/testkit/machine/CapturedLog"
import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import * as Feed from "@registry-packages-proxy/credential-store/feeds/Feed"
import * as TestFeed from "@registry-packages-proxy/testkit/credential-store/TestFeed"
import {
  moduleSource,
  registrySecret
} from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import { Effect, Layer, Option, Stream } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { answer, get, status } from "./StoreQueries.ts"

const one = "registry.example.com/one"
const two = "registry.example.com/two"
const good = (name: string, repo = one, creationTimestamp?: string) =>
  moduleSource({ name, repo, ...(creationTimestamp === undefined ? {} : { creationTimestamp }) })
const broken = (name: string, repo = one, creationTimestamp?: string) => ({
  ...moduleSource({
    name,
    repo,
    dockerCfg: "%%",
    ...(creationTimestamp === undefined ? {} : { creationTimestamp })
  })
})

/**
 * Makes a store with one feed for each number in `precedences`. Then calls `run` with the `send` function of each feed,
 * and with the store's log.
 */
const withStore = <A, E>(
  precedences: ReadonlyArray<number>,
  run: (
    feeds: ReadonlyArray<TestFeed.TestFeed["send"]>,
    log: CapturedLog
  ) => Effect.Effect<A, E, CredentialStore>
) =>
  Effect.gen(function* () {
    const log = captureLog()
    const feeds = yield* Effect.forEach(precedences, (precedence, index) =>
      TestFeed.make(`feed ${index}`, precedence, index === 0 ? "credentials-files" : "module-sources")
    )
    return yield* run(
      feeds.map(({ send }) => send),
      log
    ).pipe(
      Effect.provide(
        Layer.mergeAll(
          CredentialStore.layerFeeds(feeds.map(({ feed }) => feed)).pipe(Layer.provideMerge(log.layer))
        )
      )
    )
  })

const oneFeed = <A, E>(
  run: (send: TestFeed.TestFeed["send"], log: CapturedLog) => Effect.Effect<A, E, CredentialStore>
) => withStore([1], ([send = () => Effect.void], log) => run(send, log))

const twoFeeds = <A, E>(
  precedences: readonly [number, number],
  run: (
    first: TestFeed.TestFeed["send"],
    second: TestFeed.TestFeed["send"],
    log: CapturedLog
  ) => Effect.Effect<A, E, CredentialStore>
) =>
  withStore(precedences, ([first = () => Effect.void, second = () => Effect.void], log) =>
    run(first, second, log)
  )

describe("CredentialStore", () => {
  describe("events", () => {
    it.effect("adds, changes and removes sources by the feed's events", () =>
      oneFeed(
        Effect.fn(function* (send) {
          yield* send(Feed.synced([good("a"), registrySecret({ address: "cluster.example.com" })]))
          assert.strictEqual(yield* answer(""), "Secret d8-system/deckhouse-registry")
          yield* send(Feed.upsert(good("b", two)))
          assert.strictEqual(yield* answer(two), "ModuleSource b")
          yield* send(Feed.upsert(moduleSource({ name: "b", repo: two, scheme: "HTTP" })))
          assert.strictEqual((yield* get(two)).scheme, "http")
          yield* send(
            Feed.remove({
              apiVersion: "deckhouse.io/v1alpha1",
              kind: "ModuleSource",
              metadata: { name: "a" }
            })
          )
          assert.strictEqual(yield* answer(one), "UnknownRepository")
          yield* send(Feed.synced([]))
          assert.strictEqual(yield* answer(two), "UnknownRepository")
          assert.strictEqual(yield* answer(""), "UnknownRepository")
          assert.strictEqual((yield* status).sources, 0)
        })
      )
    )

    it.effect("finds a repository whose ModuleSource has a trailing slash", () =>
      oneFeed(
        Effect.fn(function* (send) {
          yield* send(Feed.synced([good("a", `${one}/`)]))
          assert.strictEqual(yield* answer(one), "ModuleSource a")
          yield* send(Feed.upsert(good("b", one)))
          assert.strictEqual((yield* status).sources, 1)
        })
      )
    )

    it.effect("warns once of an odd docker config, and again when the warning changes", () =>
      oneFeed(
        Effect.fn(function* (send, log) {
          const odd = (auths: Readonly<Record<string, unknown>>, scheme = "HTTPS") =>
            moduleSource({ name: "a", repo: one, auths, scheme })
          const none = [
            "Warn object may be wrong",
            '"ModuleSource a"',
            "spec.registry.dockerCfg has no entry for this registry"
          ]
          yield* send(Feed.synced([odd({ "other.example.com": { username: "u", password: "s3cr3t" } })]))
          yield* send(Feed.upsert(odd({ "other.example.com": { username: "u", password: "s3cr3t" } })))
          yield* send(Feed.upsert(odd({ "third.example.com": {} })))
          yield* send(Feed.upsert(odd({ "third.example.com": {} }, "HTTP")))
          for (let pull = 0; pull < 3; pull++) {
            assert.strictEqual((yield* get(one)).credential._tag, "Anonymous")
          }
          assert.lengthOf(log.matching(...none), 1)
          yield* send(Feed.upsert(odd({ "registry.example.com": {} })))
          yield* send(Feed.upsert(odd({})))
          assert.lengthOf(log.matching(...none), 2)
          assert.lengthOf(log.matching("Warn"), 2)
          assert.lengthOf(log.matching("s3cr3t"), 0)
          assert.strictEqual((yield* status).sources, 1)
        })
      )
    )

    it.effect(
      "names the object whose credential for a path is invalid; other paths keep their credentials",
      () =>
        oneFeed(
          Effect.fn(function* (send) {
            const auths = { [one]: { username: "u", password: "p" }, [`${one}/below`]: { auth: "%s3cr3t" } }
            yield* send(Feed.synced([moduleSource({ name: "a", repo: one, auths })]))
            assert.strictEqual((yield* get(one, "beside")).credential._tag, "Basic")
            const { reason } = yield* Effect.flip(get(one, "below/it"))
            assert.deepInclude(reason, { _tag: "Unreadable", sourceObject: "ModuleSource a" })
            assert.include(reason._tag === "Unreadable" ? reason.detail : "", "an `auth` is not base64")
          })
        )
    )

    it.effect("serves the new repository of a changed object", () =>
      oneFeed(
        Effect.fn(function* (send) {
          yield* send(Feed.synced([good("a", one)]))
          yield* send(Feed.upsert(good("a", two)))
          assert.strictEqual(yield* answer(one), "UnknownRepository")
          assert.strictEqual(yield* answer(two), "ModuleSource a")
        })
      )
    )

    it.effect("keeps sources while a feed is out of touch, and warns once of each problem", () =>
      oneFeed(
        Effect.fn(function* (send, log) {
          yield* send(Feed.synced([good("a")]))
          for (const detail of ["no answer", "no answer", "refused", "refused"])
            yield* send(Feed.stale(detail))
          assert.strictEqual(yield* answer(one), "ModuleSource a")
          assert.isFalse((yield* status).upToDate)
          assert.lengthOf(log.matching("Warn", "out of touch", '"feed 0"', "no answer"), 1)
          assert.lengthOf(log.matching("Warn", "out of touch", '"feed 0"', "refused"), 1)
          yield* send(Feed.upToDate)
          assert.isTrue((yield* status).upToDate)
          assert.lengthOf(log.matching("Info", "in touch again", '"feed 0"'), 1)
        })
      )
    )

    it.effect("is synced when every feed has delivered; known sources are found before", () =>
      twoFeeds(
        [1, 1],
        Effect.fn(function* (first, second) {
          assert.deepStrictEqual((yield* status).waitingFor, ["credentials-files", "module-sources"])
          assert.strictEqual(yield* answer(one), "NotSynced")
          yield* first(Feed.synced([good("a")]))
          yield* second(Feed.stale("not yet"))
          assert.deepStrictEqual((yield* status).waitingFor, ["module-sources"])
          assert.strictEqual(yield* answer(one), "ModuleSource a")
          assert.strictEqual(yield* answer(two), "NotSynced")
          yield* second(Feed.synced([]))
          assert.isTrue((yield* status).synced)
          assert.strictEqual(yield* answer(two), "UnknownRepository")
        })
      )
    )

    it.effect("has the time at which a feed last delivered or confirmed", () =>
      oneFeed(
        Effect.fn(function* (send) {
          assert.deepStrictEqual((yield* status).lastSync, Option.none())
          yield* TestClock.setTime(5_000)
          yield* send(Feed.synced([]))
          assert.deepStrictEqual((yield* status).lastSync, Option.some(5_000))
          yield* TestClock.setTime(7_000)
          yield* send(Feed.stale("gone"))
          assert.deepStrictEqual((yield* status).lastSync, Option.some(5_000))
          yield* send(Feed.upToDate)
          assert.deepStrictEqual((yield* status).lastSync, Option.some(7_000))
        })
      )
    )

    it.effect("restarts a feed after a defect, whose text is not logged", () =>
      Effect.gen(function* () {
        const log = captureLog()
        let runs = 0
        const feed: Feed.Feed = {
          name: "dying feed",
          awaited: "module-sources",
          precedence: 1,
          events: Stream.suspend(() => {
            runs++
            return Stream.concat(Stream.make(Feed.synced([good("a")])), Stream.die(new TypeError("s3cr3t")))
          })
        }
        yield* Effect.gen(function* () {
          yield* TestClock.adjust("1 hour")
          assert.strictEqual(yield* answer(one), "ModuleSource a")
          assert.isFalse((yield* status).upToDate)
          assert.isAtLeast(runs, 100)
          assert.isAtMost(runs, 130)
        }).pipe(Effect.provide(Layer.provideMerge(CredentialStore.layerFeeds([feed]), log.layer)))
        assert.isNotEmpty(log.matching("Warn", '"dying feed"', "it failed unexpectedly (TypeError)"))
        assert.isEmpty(log.matching("s3cr3t"))
      })
    )
  })

  describe("broken objects", () => {
    it.effect("affect only themselves, are logged once, and are Unreadable for their repository", () =>
      oneFeed(
        Effect.fn(function* (send, log) {
          const objects = [broken("bad", two), good("a"), { ...good("c"), spec: 7 }, "nonsense", null]
          yield* send(Feed.synced(objects))
          yield* send(Feed.synced(objects))
          assert.strictEqual(yield* answer(one), "ModuleSource a")
          const error = yield* Effect.flip(get(two))
          assert.deepInclude(error.reason, {
            sourceObject: "ModuleSource bad",
            detail: "spec.registry.dockerCfg is not base64"
          })
          assert.lengthOf(log.matching("Warn", "invalid object", '"ModuleSource bad"', "not used"), 1)
          assert.lengthOf(log.matching("Warn", "invalid object", '"ModuleSource c"', '"spec'), 1)
          assert.lengthOf(log.matching("Warn", "not a Kubernetes object"), 2)
        })
      )
    )

    it.effect(
      "keep their last valid version until they are corrected or deleted, with one warning per change",
      () =>
        oneFeed(
          Effect.fn(function* (send, log) {
            yield* send(Feed.synced([moduleSource({ name: "a", repo: one, scheme: "HTTP" })]))
            yield* send(Feed.upsert(broken("a")))
            yield* send(Feed.upsert(broken("a")))
            assert.strictEqual((yield* get(one)).scheme, "http")
            assert.lengthOf(
              log.matching("Warn", "invalid object", `"ModuleSource a"`, "last valid version"),
              1
            )
            yield* send(Feed.upsert(moduleSource({ name: "a", repo: one, dockerCfg: "%%%%" })))
            assert.lengthOf(
              log.matching("Warn", "invalid object", `"ModuleSource a"`, "last valid version"),
              2
            )
            yield* send(Feed.upsert(moduleSource({ name: "a", repo: one, scheme: "HTTPS" })))
            assert.strictEqual((yield* get(one)).scheme, "https")
            assert.lengthOf(log.matching("Info", "valid again", '"ModuleSource a"'), 1)
            yield* send(Feed.upsert(broken("a")))
            yield* send(Feed.remove(broken("a")))
            assert.strictEqual(yield* answer(one), "UnknownRepository")
          })
        )
    )

    it.effect("serve their old repository and are Unreadable for the new one", () =>
      oneFeed(
        Effect.fn(function* (send) {
          yield* send(Feed.synced([good("a", one)]))
          yield* send(Feed.upsert(broken("a", two)))
          assert.strictEqual(yield* answer(one), "ModuleSource a")
          assert.strictEqual(yield* answer(two), "Unreadable")
        })
      )
    )

    it.effect("an invalid Secret keeps its last valid version too", () =>
      oneFeed(
        Effect.fn(function* (send) {
          yield* send(Feed.synced([registrySecret({ address: "" })]))
          assert.strictEqual(yield* answer(""), "Unreadable")
          yield* send(Feed.upsert(registrySecret({ address: "cluster.example.com" })))
          yield* send(Feed.upsert(registrySecret({ address: "not a host" })))
          assert.strictEqual((yield* get("")).host, "cluster.example.com")
        })
      )
    )

    it.effect("do not shadow a valid object", () =>
      oneFeed(
        Effect.fn(function* (send) {
          yield* send(
            Feed.synced([broken("a", one, "2020-01-01T00:00:00Z"), good("b", one, "2024-01-01T00:00:00Z")])
          )
          assert.strictEqual(yield* answer(one), "ModuleSource b")
          yield* send(Feed.upsert(good("a", one, "2020-01-01T00:00:00Z")))
          assert.strictEqual(yield* answer(one), "ModuleSource a")
        })
      )
    )

    it.effect("without a valid name are logged by position, and the name is not repeated", () =>
      oneFeed(
        Effect.fn(function* (send, log) {
          yield* send(Feed.synced([moduleSource({ name: "S3cr3t name\n", repo: one }), good("a", two)]))
          assert.strictEqual(yield* answer(one), "Unreadable")
          assert.strictEqual(yield* answer(two), "ModuleSource a")
          assert.lengthOf(log.matching("Warn", "without a valid name (object 1)", "metadata.name"), 1)
          assert.isEmpty(log.matching("S3cr3t"))
        })
      )
    )

    it.effect("log one warning if they are duplicates, and the last one is used", () =>
      oneFeed(
        Effect.fn(function* (send, log) {
          const objects = [good("a", one), good("a", two)]
          yield* send(Feed.synced(objects))
          yield* send(Feed.synced(objects))
          assert.strictEqual(yield* answer(one), "UnknownRepository")
          assert.strictEqual(yield* answer(two), "ModuleSource a")
          assert.lengthOf(log.matching("Warn", "duplicate object", '"ModuleSource a"'), 1)
        })
      )
    )
  })

  it.effect("skips other kinds, versions and Secrets, and logs each once at debug level", () =>
    oneFeed(
      Effect.fn(function* (send, log) {
        const others = [
          {
            ...registrySecret({ address: "x.example.com" }),
            metadata: { name: "deckhouse-registry", namespace: "default" }
          },
          { ...registrySecret({ address: "x.example.com" }), metadata: { name: "deckhouse-registry" } },
          {
            ...registrySecret({ address: "x.example.com" }),
            metadata: { name: "other", namespace: "d8-system" }
          },
          { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } },
          { ...good("a"), apiVersion: "deckhouse.io/v1" }
        ]
        yield* send(Feed.synced(others))
        yield* send(Feed.synced(others))
        assert.deepInclude(yield* status, { synced: true, sources: 0 })
        assert.strictEqual(yield* answer(""), "UnknownRepository")
        assert.lengthOf(log.matching("Debug", "skipping object"), others.length)
        assert.isEmpty(log.matching("Warn"))
      })
    )
  )

  describe("two objects with one repository", () => {
    it.effect("the older one serves; the other is logged once, and serves when the older is deleted", () =>
      oneFeed(
        Effect.fn(function* (send, log) {
          const older = good("z-older", one, "2024-01-01T00:00:00Z")
          const newer = good("a-newer", one, "2024-01-01T00:00:01Z")
          yield* send(Feed.synced([newer]))
          assert.strictEqual(yield* answer(one), "ModuleSource a-newer")
          yield* send(Feed.synced([newer, older]))
          yield* send(Feed.synced([older, newer]))
          assert.strictEqual(yield* answer(one), "ModuleSource z-older")
          assert.lengthOf(
            log.matching("Warn", "ModuleSource a-newer", "ModuleSource z-older", "it is older"),
            1
          )
          assert.strictEqual((yield* status).sources, 1)
          yield* send(Feed.remove(older))
          assert.strictEqual(yield* answer(one), "ModuleSource a-newer")
        })
      )
    )

    it.effect("one without creationTimestamp counts as the oldest; the name decides among equals", () =>
      oneFeed(
        Effect.fn(function* (send) {
          yield* send(Feed.synced([good("a", one, "2001-01-01T00:00:00Z"), good("c", one), good("b", one)]))
          assert.strictEqual(yield* answer(one), "ModuleSource b")
        })
      )
    )

    it.effect("the one with the smaller precedence serves at any age, without a warning", () =>
      twoFeeds(
        [0, 1],
        Effect.fn(function* (file, watch, log) {
          yield* watch(Feed.synced([good("old", one, "2001-01-01T00:00:00Z")]))
          assert.strictEqual(yield* answer(one), "ModuleSource old")
          yield* file(Feed.synced([good("file", one, "2024-01-01T00:00:00Z")]))
          assert.strictEqual(yield* answer(one), "ModuleSource file")
          assert.isEmpty(log.matching("Warn"))
          yield* file(Feed.synced([]))
          assert.strictEqual(yield* answer(one), "ModuleSource old")
        })
      )
    )

    it.effect("the one of the first feed serves among equals, even if their names are equal", () =>
      twoFeeds(
        [0, 0],
        Effect.fn(function* (first, second, log) {
          yield* second(Feed.synced([moduleSource({ name: "a", repo: one, scheme: "HTTP" })]))
          yield* first(Feed.synced([good("a")]))
          assert.strictEqual((yield* get(one)).scheme, "https")
          assert.lengthOf(
            log.matching(
              "Warn",
              '"ModuleSource a","feed":"feed 1"',
              '"ModuleSource a","servedByFeed":"feed 0"'
            ),
            1
          )
        })
      )
    )

    it.effect("the older one serves even if it is from the second feed", () =>
      twoFeeds(
        [0, 0],
        Effect.fn(function* (first, second) {
          yield* first(Feed.synced([good("a", one, "2024-01-01T00:00:00Z")]))
          yield* second(Feed.synced([good("b", one, "2020-01-01T00:00:00Z")]))
          assert.strictEqual(yield* answer(one), "ModuleSource b")
        })
      )
    )
  })
})
