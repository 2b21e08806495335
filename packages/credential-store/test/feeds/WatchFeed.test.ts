import { assert, describe, it } from "@effect/vitest"
import { captureLog } from "@registry-packages-proxy/testkit/machine/CapturedLog"
import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import { KubernetesApi } from "@registry-packages-proxy/kubernetes/KubernetesApi"
import { kinds } from "@registry-packages-proxy/credential-store/kinds/Kinds"
import { moduleSource as required } from "@registry-packages-proxy/credential-store/kinds/ModuleSource"
import type { ObjectKind } from "@registry-packages-proxy/credential-store/kinds/ObjectKind"
import * as WatchFeed from "@registry-packages-proxy/credential-store/feeds/WatchFeed"
import * as Resource from "@registry-packages-proxy/kubernetes/Resource"
import {
  watchedCollections,
  moduleSource,
  registrySecret
} from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import {
  type CredentialStoreFixture,
  suite
} from "@registry-packages-proxy/testkit/credential-store/CredentialStoreSuite"
import { FakeKubernetes } from "@registry-packages-proxy/testkit/kubernetes/FakeKubernetes"
import { Effect, FileSystem, Layer, Predicate, Redacted } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { type FakeFile, make as makeFileSystem } from "./FakeFileSystem.ts"
import { answer, get, status } from "../StoreQueries.ts"

const sources = "/apis/deckhouse.io/v1alpha1/modulesources"
const secrets = "/api/v1/namespaces/d8-system/secrets"

const makeApi = (): FakeKubernetes => new FakeKubernetes({ collections: watchedCollections })

const put = (api: FakeKubernetes, object: Record<string, unknown>): void =>
  api.apply(object["kind"] === "Secret" ? secrets : sources, object)

const files = new Map<string, FakeFile>()

const store = (api: FakeKubernetes, paths: ReadonlyArray<string> = []) =>
  CredentialStore.layerWatch(paths).pipe(
    Layer.provide(KubernetesApi.layer.pipe(Layer.provide(api.layer))),
    Layer.provide(Layer.succeed(FileSystem.FileSystem, makeFileSystem(files)))
  )

/**
 * Runs a test with a store that reads from the fake API server `api`. Fails if the store requests a kind that this
 * server does not have.
 */
const withStore =
  (api: FakeKubernetes, paths?: ReadonlyArray<string>) =>
  <A, E, R>(self: Effect.Effect<A, E, R>) =>
    Effect.raceFirst(self, api.dieOnUnknownKind).pipe(Effect.provide(store(api, paths)))

/** Yields to other fibers until `answer(repository)` returns `expected`. Does not advance the test clock. */
const until = (repository: string, expected: string) =>
  Effect.repeat(Effect.andThen(Effect.yieldNow, answer(repository)), { until: (found) => found === expected })

const untilSynced = Effect.repeat(Effect.andThen(Effect.yieldNow, status), { until: ({ synced }) => synced })

const untilStale = Effect.repeat(Effect.andThen(Effect.yieldNow, status), {
  until: ({ upToDate }) => !upToDate
})

const passwordOf = (repository: string) =>
  Effect.map(get(repository), ({ credential }) =>
    credential._tag === "Basic" ? Redacted.value(credential.password) : credential._tag
  )

const own = registrySecret({ address: "cluster.example.com", path: "/sys/deckhouse", scheme: "https" })
const module = moduleSource({ name: "one", repo: "registry.example.com/modules" })
const login = (password: string) => ({ host: "cluster.example.com", username: "reader", password })

// In the states `waiting` and `stale`, the second feed is a credentials file that does not exist.
suite("watch of an API server", ({ objects, sources: expected, state }: CredentialStoreFixture) =>
  Layer.effectContext(
    Effect.gen(function* () {
      const api = makeApi()
      for (const object of objects) if (Predicate.isObject(object)) put(api, object)
      const path = "/credentials/another"
      if (state !== "waiting") files.set(path, '{"kind":"List","apiVersion":"v1","items":[]}')
      const context = yield* Layer.build(store(api, state === "synced" ? [] : [path]))
      yield* Effect.gen(function* () {
        if (state === "waiting") {
          return yield* Effect.repeat(Effect.andThen(Effect.yieldNow, status), {
            until: ({ sources }) => sources === Object.keys(expected).length
          })
        }
        yield* untilSynced
        files.delete(path)
        if (state === "stale") yield* TestClock.adjust("3 seconds")
        return yield* status
      }).pipe(Effect.provideContext(context))
      return context
    })
  ).pipe(Layer.provide(TestClock.layer()))
)

describe("CredentialStore from an API server", () => {
  it.effect(
    "is synced without the Secret, which may be added later",
    Effect.fn(function* () {
      const api = makeApi()
      yield* Effect.gen(function* () {
        yield* untilSynced
        assert.strictEqual(yield* answer(""), "UnknownRepository")
        put(api, own)
        yield* until("", "Secret d8-system/deckhouse-registry")
        api.remove(secrets, "deckhouse-registry")
        yield* until("", "UnknownRepository")
      }).pipe(withStore(api))
    })
  )

  it.effect(
    "applies added, changed and deleted ModuleSources",
    Effect.fn(function* () {
      const api = makeApi()
      yield* Effect.gen(function* () {
        yield* untilSynced
        put(api, module)
        yield* until("registry.example.com/modules", "ModuleSource one")
        put(api, moduleSource({ name: "one", repo: "registry.example.com/moved" }))
        yield* until("registry.example.com/moved", "ModuleSource one")
        assert.strictEqual(yield* answer("registry.example.com/modules"), "UnknownRepository")
        api.remove(sources, "one")
        yield* until("registry.example.com/moved", "UnknownRepository")
      }).pipe(withStore(api))
    })
  )

  it.effect(
    "has the new password as soon as the Secret is changed",
    Effect.fn(function* () {
      const api = makeApi()
      put(api, registrySecret({ address: "cluster.example.com", credentials: login("old") }))
      yield* Effect.gen(function* () {
        yield* untilSynced
        assert.strictEqual(yield* passwordOf(""), "old")
        put(api, registrySecret({ address: "cluster.example.com", credentials: login("new") }))
        yield* Effect.repeat(Effect.andThen(Effect.yieldNow, passwordOf("")), {
          until: (password) => password === "new"
        })
      }).pipe(withStore(api))
    })
  )

  it.effect(
    "reads all forms of the Secret, and treats missing fields as anonymous",
    Effect.fn(function* () {
      const api = makeApi()
      const write = (data: Readonly<Record<string, string>>) => {
        const encoded = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, btoa(value)]))
        put(api, { ...own, data: encoded })
      }
      write({ address: "one.example.com:5000", path: "sys/one", scheme: "HTTP", ca: "" })
      yield* Effect.gen(function* () {
        yield* untilSynced
        const { repositoryPrefix, ca, credential, scheme } = yield* get("")
        assert.deepStrictEqual([scheme, String(repositoryPrefix), ca], ["http", "sys/one", undefined])
        assert.strictEqual(credential._tag, "Anonymous")
        write({ address: "two.example.com", path: "/sys/two", scheme: "Https" })
        yield* Effect.repeat(Effect.andThen(Effect.yieldNow, get("")), {
          until: ({ repositoryPrefix, scheme }) =>
            String(repositoryPrefix) === "sys/two" && scheme === "https"
        })
      }).pipe(withStore(api))
    })
  )

  it.effect(
    "is not synced until the API server is reachable, retries, and recovers",
    Effect.fn(function* () {
      const api = makeApi()
      put(api, own)
      api.isDown = true
      yield* Effect.gen(function* () {
        yield* untilStale
        assert.strictEqual(yield* answer(""), "NotSynced")
        assert.deepStrictEqual(
          (yield* status).waitingFor,
          kinds.map(({ awaited }) => awaited)
        )
        yield* TestClock.adjust("10 minutes")
        assert.strictEqual(yield* answer(""), "NotSynced")
        api.isDown = false
        yield* TestClock.adjust("1 minute")
        yield* until("", "Secret d8-system/deckhouse-registry")
        assert.isTrue((yield* status).synced)
      }).pipe(withStore(api))
    })
  )

  it.effect(
    "keeps its sources while the API server is down, and applies the changes afterwards",
    Effect.fn(function* () {
      const api = makeApi()
      put(api, module)
      yield* Effect.gen(function* () {
        yield* untilSynced
        api.isDown = true
        api.breakWatches()
        yield* untilStale
        yield* TestClock.adjust("10 minutes")
        assert.strictEqual(yield* answer("registry.example.com/modules"), "ModuleSource one")
        assert.strictEqual(yield* answer("unknown.example.com/modules"), "UnknownRepository")
        assert.isFalse((yield* status).upToDate)
        api.remove(sources, "one")
        api.store.compact()
        api.isDown = false
        yield* TestClock.adjust("1 minute")
        yield* until("registry.example.com/modules", "UnknownRepository")
        assert.isTrue((yield* status).upToDate)
      }).pipe(withStore(api))
    })
  )

  it.effect(
    "warns once that RBAC denies access, and recovers when it is granted",
    Effect.fn(function* () {
      const api = makeApi()
      put(api, module)
      api.refuseWith = () => 403
      const log = captureLog()
      yield* Effect.gen(function* () {
        yield* untilStale
        yield* TestClock.adjust("5 minutes")
        assert.isFalse((yield* status).synced)
        assert.lengthOf(
          log.matching("Warn", "ModuleSources of the API server", "403", "RBAC does not allow us"),
          1
        )
        api.refuseWith = undefined
        yield* TestClock.adjust("1 minute")
        yield* until("registry.example.com/modules", "ModuleSource one")
        assert.isTrue((yield* status).synced)
      }).pipe(withStore(api), Effect.provide(log.layer))
    })
  )

  for (const kind of kinds) {
    it.effect(
      `is synced in a cluster without ${kind.plural}, warns once, and watches them when they are added`,
      Effect.fn(function* () {
        assert.isTrue(kind.isOptional, "a kind that is not optional wants a test that it holds readiness")
        const api = makeApi()
        put(api, module)
        put(api, own)
        api.missingPaths.add(Resource.path(kind))
        const log = captureLog()
        yield* Effect.gen(function* () {
          yield* untilStale
          yield* TestClock.adjust("5 minutes")
          assert.isTrue((yield* status).synced)
          assert.isFalse((yield* status).upToDate, "what is not known is no 404")
          assert.lengthOf(log.matching("Warn", kind.kind, "404"), 1)
          api.missingPaths.clear()
          yield* TestClock.adjust("1 minute")
          yield* until("registry.example.com/modules", "ModuleSource one")
          yield* until("", "Secret d8-system/deckhouse-registry")
          assert.isTrue((yield* status).upToDate)
        }).pipe(withStore(api), Effect.provide(log.layer))
      })
    )
  }

  it.effect(
    "waits for a required kind in a cluster without it",
    Effect.fn(function* () {
      const api = makeApi()
      put(api, module)
      api.missingPaths.add(sources)
      const watched = Layer.unwrap(
        Effect.map(KubernetesApi, (kubernetes) =>
          CredentialStore.layerFeeds(WatchFeed.feeds(kubernetes, [{ ...required, isOptional: false }]))
        )
      ).pipe(Layer.provide(KubernetesApi.layer), Layer.provide(api.layer))
      yield* Effect.gen(function* () {
        yield* untilStale
        yield* TestClock.adjust("5 minutes")
        assert.deepStrictEqual((yield* status).waitingFor, ["module-sources"])
        api.missingPaths.clear()
        yield* TestClock.adjust("1 minute")
        yield* until("registry.example.com/modules", "ModuleSource one")
      }).pipe(Effect.provide(watched))
    })
  )

  it.effect(
    "lets files take precedence for each repository",
    Effect.fn(function* () {
      const api = makeApi()
      put(api, module)
      put(api, own)
      files.set(
        "/credentials/file",
        JSON.stringify(moduleSource({ name: "of-the-file", repo: "registry.example.com/modules" }))
      )
      yield* Effect.gen(function* () {
        yield* untilSynced
        assert.strictEqual(yield* answer("registry.example.com/modules"), "ModuleSource of-the-file")
        assert.strictEqual(yield* answer(""), "Secret d8-system/deckhouse-registry")
      }).pipe(withStore(api, ["/credentials/file"]))
      files.clear()
    })
  )

  it.effect(
    "keeps an invalid object's last valid version, and logs none of its values",
    Effect.fn(function* () {
      const api = makeApi()
      put(api, module)
      const log = captureLog()
      yield* Effect.gen(function* () {
        yield* untilSynced
        put(api, moduleSource({ name: "one", repo: "registry.example.com/modules", dockerCfg: "s3cr3t%" }))
        put(api, moduleSource({ name: "two", repo: "registry.example.com/two" }))
        yield* until("registry.example.com/two", "ModuleSource two")
        assert.strictEqual(yield* answer("registry.example.com/modules"), "ModuleSource one")
      }).pipe(withStore(api), Effect.provide(log.layer))
      assert.lengthOf(log.matching("invalid object", '"ModuleSource one"', "dockerCfg"), 1)
      assert.notInclude(log.lines.join(), "s3cr3t")
    })
  )

  it.effect(
    "sends no request that its role does not grant",
    Effect.fn(function* () {
      const api = makeApi()
      put(api, own)
      yield* Effect.gen(function* () {
        yield* untilSynced
        yield* until("", "Secret d8-system/deckhouse-registry")
        yield* Effect.repeat(Effect.yieldNow, { until: () => api.watches.length === kinds.length })
      }).pipe(withStore(api))
      const asked = api.requests.map(({ path, query }) =>
        [query?.["watch"] === "true" ? "watch" : "read", path, query?.["fieldSelector"] ?? ""].join(" ")
      )
      assert.deepStrictEqual(
        [...new Set(asked)].toSorted(),
        kinds
          .flatMap((kind: ObjectKind) => {
            const { name } = kind
            const selector = name === undefined ? "" : `metadata.name=${name}`
            return [`read ${Resource.path(kind, name)} `, `watch ${Resource.path(kind)} ${selector}`]
          })
          .toSorted()
      )
    })
  )
})
