import { assert, describe, it } from "@effect/vitest"
import { captureLog } from "@registry-packages-proxy/testkit/machine/CapturedLog"
import { Effect, Fiber, Metric, Stream } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import * as Metrics from "../../src/Metrics.ts"
import { follow, make, path, settled, stream, thing } from "../Harness.ts"

const metrics = Metrics.watchMetrics("things.test.invalid")

const watches = (api: ReturnType<typeof make>) =>
  api.requests.filter(({ query }) => query?.["watch"] === "true")
const lists = (api: ReturnType<typeof make>) =>
  api.requests.filter(({ query }) => query?.["watch"] !== "true")

describe("listWatch", () => {
  it.effect(
    "lists, then watches from the version of the list",
    Effect.fn(function* () {
      const api = make()
      api.apply(path, thing("one", "1"))
      const { next } = yield* follow(api)
      assert.strictEqual(yield* next, "Synced one=1")
      assert.strictEqual(yield* next, "UpToDate")
      assert.strictEqual(watches(api)[0]?.query?.["resourceVersion"], String(api.store.resourceVersion))
      assert.strictEqual(watches(api)[0]?.query?.["allowWatchBookmarks"], "true")
      api.apply(path, thing("two", "2"))
      assert.strictEqual(yield* next, "Added two=2")
      api.apply(path, thing("one", "3"))
      assert.strictEqual(yield* next, "Modified one=3")
      api.remove(path, "two")
      assert.strictEqual(yield* next, "Deleted two")
    }, Effect.scoped)
  )

  it.effect(
    "misses no change between the list and the watch",
    Effect.fn(function* () {
      const api = make()
      api.refuseWith = ({ query }) => {
        if (query?.["watch"] === "true" && watches(api).length === 1) api.apply(path, thing("between", "1"))
        return undefined
      }
      const { next } = yield* follow(api)
      assert.strictEqual(yield* next, "Synced ")
      assert.strictEqual(yield* next, "UpToDate")
      assert.strictEqual(yield* next, "Added between=1")
    }, Effect.scoped)
  )

  it.effect(
    "reads a long list page by page",
    Effect.fn(function* () {
      const api = make()
      for (let index = 0; index < 1201; index++) api.apply(path, thing(`thing-${index}`, "1"))
      const { next } = yield* follow(api)
      assert.strictEqual((yield* next).split(",").length, 1201)
      assert.deepStrictEqual(
        lists(api).map(({ query }) => [query?.["limit"], query?.["continue"]]),
        [
          ["500", undefined],
          ["500", "500"],
          ["500", "1000"]
        ]
      )
    }, Effect.scoped)
  )

  it.effect(
    "begins the list again if its continue token has expired",
    Effect.fn(function* () {
      const api = make()
      for (let index = 0; index < 501; index++) api.apply(path, thing(`thing-${index}`, "1"))
      api.refuseWith = ({ query }) => {
        api.isContinueExpired = query?.["continue"] !== undefined && lists(api).length === 2
        return undefined
      }
      const { next } = yield* follow(api)
      assert.strictEqual((yield* next).split(",").length, 501)
      assert.deepStrictEqual(
        lists(api).map(({ query }) => query?.["continue"]),
        [undefined, "500", undefined, "500"]
      )
    }, Effect.scoped)
  )

  it.effect(
    "continues from the last bookmark",
    Effect.fn(function* () {
      const api = make()
      const { next } = yield* follow(api)
      assert.strictEqual(yield* next, "Synced ")
      assert.strictEqual(yield* next, "UpToDate")
      // A change of another kind sends no event to this watch, so only a bookmark has the new version.
      api.apply("/apis/test.invalid/v1/others", thing("other", "1"))
      yield* settled
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* next, "UpToDate")
      api.endWatches()
      assert.strictEqual(yield* next, "UpToDate")
      assert.strictEqual(lists(api).length, 1)
      assert.strictEqual(watches(api)[1]?.query?.["resourceVersion"], String(api.store.resourceVersion))
    }, Effect.scoped)
  )

  it.effect(
    "requests watches of 5 to 10 minutes, and continues after the server ends them",
    Effect.fn(function* () {
      const api = make({ sendsBookmarks: false })
      const { next } = yield* follow(api)
      assert.strictEqual(yield* next, "Synced ")
      for (let count = 1; count <= 20; count++) {
        assert.strictEqual(yield* next, "UpToDate")
        yield* settled
        yield* TestClock.adjust(Number(watches(api).at(-1)?.query?.["timeoutSeconds"]) * 1000)
      }
      const seconds = watches(api).map(({ query }) => Number(query?.["timeoutSeconds"]))
      for (const second of seconds) assert.isTrue(second >= 300 && second <= 600)
      assert.isAbove(new Set(seconds).size, 5)
      assert.strictEqual(lists(api).length, 1)
    }, Effect.scoped)
  )

  for (const gone of ["status", "event"] as const) {
    it.effect(
      `lists again immediately after 410 as ${gone}, and emits only differences`,
      Effect.fn(function* () {
        const api = make()
        api.sendGoneAs = gone
        for (const name of ["same", "changed", "gone"]) api.apply(path, thing(name, "1"))
        const { next } = yield* follow(api)
        assert.strictEqual(yield* next, "Synced same=1,changed=1,gone=1")
        assert.strictEqual(yield* next, "UpToDate")
        yield* settled
        yield* TestClock.adjust("10 seconds")
        api.breakWatches()
        yield* settled
        api.apply(path, thing("changed", "2"))
        api.remove(path, "gone")
        api.apply(path, thing("new", "1"))
        api.store.compact()
        yield* TestClock.adjust("2 seconds")
        if (gone === "event") assert.strictEqual(yield* next, "UpToDate")
        assert.strictEqual(yield* next, "Deleted gone")
        assert.strictEqual(yield* next, "Modified changed=2")
        assert.strictEqual(yield* next, "Added new=1")
        assert.strictEqual(yield* next, "UpToDate")
        assert.strictEqual(lists(api).length, 2)
        assert.strictEqual(api.watches.length, 1)
      }, Effect.scoped)
    )
  }

  it.effect(
    "backs off from a server that answers every watch with 410",
    Effect.fn(function* () {
      const api = make()
      api.refuseWith = ({ query }) => (query?.["watch"] === "true" ? 410 : undefined)
      yield* Effect.forkScoped(Stream.runDrain(stream(api)))
      yield* settled
      yield* TestClock.adjust("10 minutes")
      assert.isBelow(watches(api).length, 25)
      assert.isAbove(watches(api).length, 5)
    }, Effect.scoped)
  )

  it.effect(
    "backs off from a server that ends every watch immediately",
    Effect.fn(function* () {
      const api = make({ sendsBookmarks: false })
      const { next } = yield* follow(api)
      assert.strictEqual(yield* next, "Synced ")
      assert.strictEqual(yield* next, "UpToDate")
      api.endWatches()
      yield* settled
      assert.strictEqual(watches(api).length, 1)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* next, "UpToDate")
      assert.strictEqual(watches(api).length, 2)
    }, Effect.scoped)
  )

  it.effect(
    "gives up a silent watch after three minutes if the server had sent bookmarks",
    Effect.fn(function* () {
      const api = make()
      const { next } = yield* follow(api)
      assert.strictEqual(yield* next, "Synced ")
      assert.strictEqual(yield* next, "UpToDate")
      yield* settled
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* next, "UpToDate")
      api.silenceWatches()
      yield* settled
      yield* TestClock.adjust("179 seconds")
      yield* settled
      assert.strictEqual(watches(api).length, 1)
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* next, "UpToDate")
      assert.strictEqual(watches(api).length, 2)
      assert.strictEqual(api.watches.length, 1)
      assert.strictEqual(lists(api).length, 2, "the objects were listed again")
    }, Effect.scoped)
  )

  it.effect(
    "gives up a silent watch half a minute after its requested end if the server had sent no bookmarks",
    Effect.fn(function* () {
      const api = make({ sendsBookmarks: false })
      const { next } = yield* follow(api)
      assert.strictEqual(yield* next, "Synced ")
      assert.strictEqual(yield* next, "UpToDate")
      yield* settled
      api.silenceWatches()
      const seconds = Number(watches(api)[0]?.query?.["timeoutSeconds"])
      yield* TestClock.adjust((seconds + 29) * 1000)
      yield* settled
      assert.strictEqual(watches(api).length, 1)
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* next, "UpToDate")
      assert.strictEqual(watches(api).length, 2)
    }, Effect.scoped)
  )

  it.effect(
    "gives up on a server that accepts requests without answering",
    Effect.fn(function* () {
      const api = make()
      api.isStalled = true
      const { next } = yield* follow(api)
      const first = yield* Effect.forkChild(next)
      yield* settled
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* Fiber.join(first), "AttemptFailed Unreachable")
    }, Effect.scoped)
  )

  it.effect(
    "reads events in any chunks",
    Effect.fn(function* () {
      const api = make()
      const { next } = yield* follow(api)
      assert.strictEqual(yield* next, "Synced ")
      assert.strictEqual(yield* next, "UpToDate")
      const event = (name: string, version: number) =>
        `${JSON.stringify({
          type: "ADDED",
          object: { ...thing(name, "жё✓"), metadata: { name, resourceVersion: String(version) } }
        })}\n`
      const glued = new TextEncoder().encode(event("one", 501) + event("two", 502) + event("three", 503))
      for (const byte of glued) api.writeToWatches(Uint8Array.of(byte))
      api.writeToWatches(new TextEncoder().encode(event("four", 504) + "\n" + event("five", 505)))
      for (const name of ["one", "two", "three", "four", "five"]) {
        assert.strictEqual(yield* next, `Added ${name}=жё✓`)
      }
    }, Effect.scoped)
  )

  it.effect(
    "reads an object of more than a MiB",
    Effect.fn(function* () {
      const api = make()
      const { next } = yield* follow(api)
      assert.strictEqual(yield* next, "Synced ")
      assert.strictEqual(yield* next, "UpToDate")
      api.apply(path, thing("large", "x".repeat(1_500_000)))
      assert.strictEqual((yield* next).length, "Added large=".length + 1_500_000)
    }, Effect.scoped)
  )

  it.effect(
    "counts a malformed line, continues, and finds the change by a list after the watch",
    Effect.fn(function* () {
      const log = captureLog("Warn")
      const api = make()
      yield* Effect.gen(function* () {
        const before = (yield* Metric.value(metrics.malformed)).count
        const { next } = yield* follow(api)
        assert.strictEqual(yield* next, "Synced ")
        assert.strictEqual(yield* next, "UpToDate")
        api.store.apply(path, thing("lost", "1"))
        api.writeToWatches("this is no event\n")
        api.writeToWatches('{"type":"ADDED","object":{"apiVer\n')
        api.apply(path, thing("after", "1"))
        assert.strictEqual(yield* next, "Added after=1")
        assert.strictEqual((yield* Metric.value(metrics.malformed)).count - Number(before), 2)
        api.endWatches()
        assert.strictEqual(yield* next, "Added lost=1")
      }).pipe(Effect.provide(log.layer))
      assert.strictEqual(log.lines.length, 1)
      assert.notInclude(log.lines.join(), "apiVer")
    }, Effect.scoped)
  )

  it.effect(
    "logs and skips invalid objects by name, and emits them once they are valid",
    Effect.fn(function* () {
      const log = captureLog("Warn")
      const api = make()
      const wrong = (name: string) => ({ ...thing(name, "s3cr3t"), value: ["s3cr3t"] })
      yield* Effect.gen(function* () {
        api.apply(path, wrong("listed"))
        api.apply(path, thing("good", "1"))
        const { next } = yield* follow(api)
        assert.strictEqual(yield* next, "Synced good=1")
        assert.strictEqual(yield* next, "UpToDate")
        api.apply(path, wrong("watched"))
        api.apply(path, wrong("good"))
        api.remove(path, "watched")
        api.apply(path, thing("listed", "2"))
        assert.strictEqual(yield* next, "Added listed=2")
        api.apply(path, thing("good", "3"))
        assert.strictEqual(yield* next, "Modified good=3")
      }).pipe(Effect.provide(log.layer))
      assert.strictEqual(log.lines.length, 3)
      assert.include(log.lines[0], `"name":"listed"`)
      assert.include(log.lines[1], `"name":"watched"`)
      assert.include(log.lines[2], `"name":"good"`)
      assert.notInclude(log.lines.join(), "s3cr3t")
    }, Effect.scoped)
  )

  it.effect(
    "pauses the server while its consumer is slow",
    Effect.fn(function* () {
      const api = make()
      const { next } = yield* follow(api)
      assert.strictEqual(yield* next, "Synced ")
      assert.strictEqual(yield* next, "UpToDate")
      for (let index = 0; index < 2_000; index++) api.apply(path, thing(`thing-${index}`, "1"))
      yield* settled
      assert.isAbove(api.watches[0]?.unreadSteps ?? 0, 1_950)
      for (let index = 0; index < 2_000; index++) assert.strictEqual(yield* next, `Added thing-${index}=1`)
      assert.strictEqual(api.watches[0]?.unreadSteps, 0)
    }, Effect.scoped)
  )

  it.effect(
    "closes its connection when it is interrupted",
    Effect.fn(function* () {
      const api = make()
      const running = yield* Effect.forkChild(Stream.runDrain(stream(api)))
      yield* settled
      assert.strictEqual(api.watches.length, 1)
      yield* Fiber.interrupt(running)
      assert.strictEqual(api.watches.length, 0)
    })
  )

  for (const [status, tag] of [
    [401, "Forbidden"],
    [403, "Forbidden"],
    [404, "NotFound"],
    [429, "Unreachable"],
    [500, "Unreachable"]
  ] as const) {
    it.effect(
      `emits AttemptFailed at ${status}, and recovers`,
      Effect.fn(function* () {
        const api = make()
        api.apply(path, thing("one", "1"))
        api.refuseWith = () => status
        const { next } = yield* follow(api)
        assert.strictEqual(yield* next, `AttemptFailed ${tag}`)
        yield* settled
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual(yield* next, `AttemptFailed ${tag}`)
        api.refuseWith = undefined
        yield* settled
        yield* TestClock.adjust("4 seconds")
        assert.strictEqual(yield* next, "Synced one=1")
        assert.strictEqual(yield* next, "UpToDate")
      }, Effect.scoped)
    )
  }

  it.effect(
    "lists again after an error event other than 410",
    Effect.fn(function* () {
      const api = make()
      const { next } = yield* follow(api)
      assert.strictEqual(yield* next, "Synced ")
      assert.strictEqual(yield* next, "UpToDate")
      api.sendError(500)
      assert.strictEqual(yield* next, "AttemptFailed Unreachable")
      api.store.apply(path, thing("meanwhile", "1"))
      yield* settled
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* next, "Added meanwhile=1")
    }, Effect.scoped)
  )
})

describe("listWatch of one name", () => {
  it.effect(
    "gets the object, then watches by its name",
    Effect.fn(function* () {
      const api = make()
      api.apply(path, thing("wanted", "1"))
      api.apply(path, thing("another", "1"))
      const { next } = yield* follow(api, { name: "wanted" })
      assert.strictEqual(yield* next, "Synced wanted=1")
      assert.strictEqual(yield* next, "UpToDate")
      assert.strictEqual(api.requests[0]?.path, `${path}/wanted`)
      assert.strictEqual(watches(api)[0]?.query?.["fieldSelector"], "metadata.name=wanted")
      for (const { path: asked, query } of api.requests) {
        assert.isTrue(asked !== path || query?.["watch"] === "true", "it never lists")
      }
    }, Effect.scoped)
  )

  it.effect(
    "misses no change between the get and the watch",
    Effect.fn(function* () {
      const api = make()
      api.apply(path, thing("wanted", "1"))
      api.refuseWith = ({ query }) => {
        if (query?.["watch"] === "true") api.remove(path, "wanted")
        return undefined
      }
      const { next } = yield* follow(api, { name: "wanted" })
      assert.strictEqual(yield* next, "Synced wanted=1")
      assert.strictEqual(yield* next, "Deleted wanted")
    }, Effect.scoped)
  )

  it.effect(
    "ignores events older than the object it read",
    Effect.fn(function* () {
      const api = make()
      api.apply(path, thing("wanted", "1"))
      api.refuseWith = ({ query }) => {
        // This change comes after the watch has begun with version 1, and before the object is read.
        if (query?.["watch"] !== "true" && api.requests.length === 3) api.apply(path, thing("wanted", "2"))
        return undefined
      }
      const { next } = yield* follow(api, { name: "wanted" })
      assert.strictEqual(yield* next, "Synced wanted=1")
      assert.strictEqual(yield* next, "Modified wanted=2")
      assert.strictEqual(yield* next, "UpToDate")
      api.apply(path, thing("wanted", "3"))
      assert.strictEqual(yield* next, "Modified wanted=3")
    }, Effect.scoped)
  )

  it.effect(
    "needs no history of the server",
    Effect.fn(function* () {
      const api = make()
      api.apply(path, thing("wanted", "1"))
      api.store.compact()
      const { next } = yield* follow(api, { name: "wanted" })
      assert.strictEqual(yield* next, "Synced wanted=1")
      assert.strictEqual(yield* next, "UpToDate")
      api.apply(path, thing("wanted", "2"))
      assert.strictEqual(yield* next, "Modified wanted=2")
      assert.strictEqual(watches(api).length, 1)
    }, Effect.scoped)
  )
})
