import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import * as Feed from "@registry-packages-proxy/credential-store/feeds/Feed"
import * as TestFeed from "@registry-packages-proxy/testkit/credential-store/TestFeed"
import * as Mock from "@registry-packages-proxy/testkit/credential-store/CredentialStoreMock"
import { kubernetesList } from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import {
  type CredentialStoreFixture,
  suite
} from "@registry-packages-proxy/testkit/credential-store/CredentialStoreSuite"
import { Context, Effect, FileSystem, Layer } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { dump } from "js-yaml"
import { type FakeFile, make as makeFileSystem } from "./feeds/FakeFileSystem.ts"

suite("mock", ({ sources, state, unreadable }) =>
  Mock.layer({
    sources,
    unreadable,
    upToDate: state !== "stale",
    waitingFor: state === "waiting" ? ["module-sources"] : []
  })
)

suite("feed in memory", ({ objects, state }: CredentialStoreFixture) =>
  Layer.effectContext(
    Effect.gen(function* () {
      const one = yield* TestFeed.make("one feed")
      const another = yield* TestFeed.make("another feed")
      const context = yield* Layer.build(CredentialStore.layerFeeds([one.feed, another.feed]))
      yield* one.send(Feed.synced(objects))
      if (state !== "waiting") yield* another.send(Feed.synced([]))
      if (state === "stale") yield* another.send(Feed.stale("the test says so"))
      return context
    })
  )
)

const suiteOfFiles = (name: string, print: (objects: ReadonlyArray<unknown>) => string) =>
  suite(name, ({ objects, state }) =>
    Layer.effectContext(
      Effect.gen(function* () {
        const files = new Map<string, FakeFile>([["/credentials/one", print(objects)]])
        if (state !== "waiting") files.set("/credentials/another", print([]))
        const context = yield* Layer.build(
          CredentialStore.layerFiles(["/credentials/one", "/credentials/another"])
        ).pipe(Effect.provideService(FileSystem.FileSystem, makeFileSystem(files)))
        const { status } = Context.get(context, CredentialStore)
        if (state === "waiting") {
          yield* Effect.repeat(Effect.andThen(Effect.yieldNow, status), {
            until: ({ sources }) => sources > 0
          })
          return context
        }
        // The YAML parser is loaded on first use, which takes several turns of the event loop.
        yield* Effect.repeat(Effect.andThen(Effect.yieldNow, status), { until: ({ synced }) => synced })
        if (state === "stale") {
          files.delete("/credentials/another")
          yield* TestClock.adjust("3 seconds")
        }
        return context
      })
    ).pipe(Layer.provide(TestClock.layer()))
  )

suiteOfFiles("JSON files", (objects) => JSON.stringify(kubernetesList(objects)))
suiteOfFiles("YAML files", (objects) =>
  objects.length === 0 ? "items: []\nkind: List\n" : objects.map((object) => dump(object)).join("---\n")
)
