import * as NodeServices from "@effect/platform-node/NodeServices"
import { cap, suite } from "@registry-packages-proxy/testkit/digest-cache/DigestCacheSuite"
import { suiteStreaming } from "@registry-packages-proxy/testkit/digest-cache/DigestCacheStreamingSuite"
import * as Mock from "@registry-packages-proxy/testkit/digest-cache/DigestCacheMock"
import { Effect, FileSystem, Layer } from "effect"
import * as Live from "../src/DigestCacheLive.ts"

const live = Layer.unwrap(
  Effect.gen(function* () {
    const directory = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
    return Live.layer({ directory, cap })
  })
).pipe(Layer.provide(NodeServices.layer))

suite("live", live)
suiteStreaming("live", live)
suite("mock", Mock.layer({ largest: cap - 1 }))
