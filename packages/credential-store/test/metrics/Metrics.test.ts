import { assert, describe, it } from "@effect/vitest"
import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import * as Feed from "@registry-packages-proxy/credential-store/feeds/Feed"
import * as TestFeed from "@registry-packages-proxy/testkit/credential-store/TestFeed"
import { moduleSource } from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import { Effect } from "effect"
import { PrometheusMetrics } from "effect/observability"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"

const prefix = "registry_packages_proxy"

describe("Metrics", () => {
  it.effect("count sources, invalid objects and feeds out of touch, and have the time of the last sync", () =>
    Effect.gen(function* () {
      const { feed, send } = yield* TestFeed.make("a feed")
      yield* Effect.gen(function* () {
        const before = yield* PrometheusMetrics.format()
        assert.include(before, `${prefix}_sources_known 0\n`)
        assert.include(before, `${prefix}_credentials_feeds_out_of_touch 1\n`)
        assert.include(before, `${prefix}_credentials_last_sync_timestamp_seconds 0\n`)
        yield* TestClock.setTime(1_500)
        const repo = "registry.example.com/a"
        yield* send(
          Feed.synced([
            moduleSource({ name: "a", repo }),
            moduleSource({ name: "b", repo }),
            moduleSource({ name: "c", repo: "registry.example.com/c", scheme: "ftp" }),
            moduleSource({ name: "d", repo: "registry.example.com/d" })
          ])
        )
        const after = yield* PrometheusMetrics.format()
        assert.include(after, `# TYPE ${prefix}_sources_known gauge\n${prefix}_sources_known 2\n`)
        assert.include(after, `${prefix}_credentials_errors 2\n`)
        assert.include(after, `${prefix}_credentials_feeds_out_of_touch 0\n`)
        assert.include(after, `${prefix}_credentials_last_sync_timestamp_seconds 1.5\n`)
        yield* send(Feed.synced([]))
        assert.include(yield* PrometheusMetrics.format(), `${prefix}_credentials_errors 0\n`)
      }).pipe(Effect.provide(CredentialStore.layerFeeds([feed])))
    })
  )
})
