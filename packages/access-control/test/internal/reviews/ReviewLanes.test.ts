import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Duration } from "effect"
import * as Limits from "../../../src/internal/Limits.ts"
import { type Lane, ReviewLanes, type ReviewEntry } from "../../../src/internal/reviews/ReviewLanes.ts"

const lanes: ReadonlyArray<Lane> = ["renewal", "access", "token"]
const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/**
 * A step of the test. A step calls `enter`, `leave` or `recordOutcome` of {@link ReviewLanes}, or changes the clock.
 * `count` is the number of calls. `which` is the index of a review, modulo the number of reviews.
 */
const Step = Schema.Union([
  Schema.Struct({ _tag: Schema.tag("Enter"), lane: Schema.Literals(lanes), count: between(1, 200) }),
  Schema.Struct({ _tag: Schema.tag("Leave"), which: between(0, 10_000), count: between(1, 20) }),
  Schema.Struct({ _tag: Schema.tag("Outcome"), isAnswered: Schema.Boolean }),
  Schema.Struct({ _tag: Schema.tag("Wait"), millis: between(-500, 1000) })
])

/**
 * Makes a `ReviewLanes` with a clock that the test controls. `entries` contains the reviews for which `enter` was
 * called, but not `leave`.
 */
const makeWorld = () => {
  let now = 0
  let wakeAt = Number.POSITIVE_INFINITY
  const begun: Array<ReviewEntry> = []
  const evicted: Array<ReviewEntry> = []
  const entries: Array<ReviewEntry> = []
  const state: ReviewLanes = new ReviewLanes({
    now: () => now,
    wakeAfter: (millis) => {
      wakeAt = now + millis
    }
  })
  return {
    state,
    begun,
    evicted,
    entries,
    enter: (lane: Lane): ReviewEntry => {
      const entry: ReviewEntry = {
        lane,
        queuedAt: now,
        state: "queued",
        begin: () => void begun.push(entry),
        evict: () => void evicted.push(entry)
      }
      entries.push(entry)
      state.enter(entry)
      return entry
    },
    leave: (entry: ReviewEntry) => {
      entries.splice(entries.indexOf(entry), 1)
      state.leave(entry)
    },
    wait: (millis: number) => {
      now += millis
      if (now < wakeAt) return
      wakeAt = Number.POSITIVE_INFINITY
      state.advance()
    }
  }
}

describe("ReviewLanes", () => {
  it.effect.prop(
    "keep every limit, leave no place unused and lose no review, in any sequence of events",
    { steps: Schema.Array(Step).check(Schema.isMaxLength(60)) },
    ({ steps }) =>
      Effect.sync(() => {
        const { begun, enter, leave, evicted, state, entries, wait } = makeWorld()
        for (const step of steps) {
          switch (step._tag) {
            case "Enter":
              for (let n = 0; n < step.count; n++) enter(step.lane)
              break
            case "Leave":
              for (let n = 0; n < step.count && entries.length > 0; n++) {
                const entry = entries[step.which % entries.length]
                if (entry !== undefined) leave(entry)
              }
              break
            case "Outcome":
              state.recordOutcome(step.isAnswered)
              break
            case "Wait":
              wait(step.millis)
          }
          const inState = (lane: Lane, wanted: ReviewEntry["state"]) =>
            entries.filter((entry) => entry.lane === lane && entry.state === wanted).length
          const counts = lanes.map((lane) => ({
            begun: inState(lane, "begun"),
            queued: inState(lane, "queued")
          }))
          assert.strictEqual(
            state.inProgressCount,
            counts.reduce((sum, { begun }) => sum + begun, 0)
          )
          assert.strictEqual(
            state.queuedCount,
            counts.reduce((sum, { queued }) => sum + queued, 0)
          )
          assert.isAtMost(state.inProgressCount, Limits.maxReviews)
          for (const { begun, queued } of counts) {
            assert.isAtMost(begun, Limits.maxReviewsPerLane)
            assert.isAtMost(queued, Limits.maxQueuedPerLane)
            const hasPlace = state.inProgressCount < Limits.maxReviews && begun < Limits.maxReviewsPerLane
            if (hasPlace && !state.isSilent) assert.strictEqual(queued, 0)
          }
        }
        for (const entry of evicted) assert.strictEqual(entry.state, "over")
        assert.strictEqual(new Set(begun).size, begun.length)
        // All queued reviews begin once the API server answers and the begun reviews end.
        state.recordOutcome(true)
        for (let next = entries[0]; next !== undefined; next = entries[0]) leave(next)
        assert.deepStrictEqual([state.inProgressCount, state.queuedCount], [0, 0])
      })
  )

  /**
   * Makes a {@link ReviewLanes}, and enters reviews until {@link Limits.maxReviews} reviews are in progress. `tokens`
   * contains the entered TokenReviews, and `accesses` contains the entered SubjectAccessReviews.
   */
  const makeFull = () => {
    const world = makeWorld()
    const tokens = Array.from({ length: Limits.maxReviewsPerLane }, () => world.enter("token"))
    const accesses = Array.from({ length: Limits.maxReviews - tokens.length }, () => world.enter("access"))
    world.begun.length = 0
    return { ...world, tokens, accesses }
  }

  it("give a free place to the lane with the fewest reviews in progress", () => {
    const { begun, enter, leave, tokens } = makeFull()
    const [token, access, renewal] = [enter("token"), enter("access"), enter("renewal")]
    for (const entry of tokens.slice(0, 3)) leave(entry)
    assert.deepStrictEqual(begun, [renewal, access, token])
  })

  it("begin the oldest review while none has waited long", () => {
    const { begun, enter, leave, tokens, wait } = makeFull()
    const first = enter("token")
    wait(Duration.toMillis(Limits.newestFirstAfter) - 1)
    const second = enter("token")
    for (const entry of tokens.slice(0, 2)) leave(entry)
    assert.deepStrictEqual(begun, [first, second])
  })

  it("begin the newest review once one has waited long, and while the API server is silent", () => {
    for (const isSilent of [false, true]) {
      const { begun, enter, leave, state, tokens, wait } = makeFull()
      const first = enter("token")
      wait(isSilent ? 1 : Duration.toMillis(Limits.newestFirstAfter))
      const second = enter("token")
      if (isSilent) state.recordOutcome(false)
      begun.length = 0
      const [held] = tokens
      if (held !== undefined) leave(held)
      assert.deepStrictEqual(begun, [second])
      assert.strictEqual(first.state, "queued")
    }
  })

  it("evict the oldest review of a full lane, and none of another lane", () => {
    const { enter, evicted } = makeWorld()
    for (let n = 0; n < Limits.maxReviewsPerLane; n++) enter("token")
    for (let n = 0; n < Limits.maxReviewsPerLane; n++) enter("access")
    const first = enter("token")
    for (let n = 1; n < Limits.maxQueuedPerLane; n++) enter("token")
    assert.lengthOf(evicted, 0)
    enter("token")
    assert.deepStrictEqual(evicted, [first])
  })

  it("begin one review at a time while the API server is silent, and all when it answers", () => {
    const { begun, enter, state, wait } = makeWorld()
    state.recordOutcome(false)
    for (let n = 0; n < 10; n++) enter("token")
    assert.lengthOf(begun, 1)
    wait(Duration.toMillis(Limits.probeInterval) - 1)
    assert.lengthOf(begun, 1)
    wait(1)
    assert.lengthOf(begun, 2)
    state.recordOutcome(true)
    assert.lengthOf(begun, 10)
  })
})
