import { Duration } from "effect"
import * as Limits from "../Limits.ts"

const probeIntervalMillis = Duration.toMillis(Limits.probeInterval)
const newestFirstAfterMillis = Duration.toMillis(Limits.newestFirstAfter)

/**
 * The purpose of a review. `renewal` renews a decision about an allowed user, `access` decides whether a user has
 * access, and `token` checks a token. {@link ReviewLanes} has a queue for each purpose. The purpose with the fewest
 * reviews in progress goes first. If two purposes have equally many, `renewal` goes before `access`, and `access`
 * before `token`.
 */
export type Lane = "renewal" | "access" | "token"

const lanes: ReadonlyArray<Lane> = ["renewal", "access", "token"]

/**
 * A review, with its {@link Lane}. `state` is `queued` while the review waits, and `begun` while the review is in
 * progress. `state` is `over` if the review has ended or will never begin.
 */
export interface ReviewEntry {
  readonly lane: Lane
  /** The time at which the review entered the queue, in milliseconds since the epoch. */
  readonly queuedAt: number
  state: "queued" | "begun" | "over"
  /** Called at most once, when the review may begin. */
  readonly begin: () => void
  /** Called at most once, when a newer review evicts this review from the queue. */
  readonly evict: () => void
}

/** The clock and the timer that `ReviewLanes` uses. */
export interface Timer {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Calls `ReviewLanes.advance` once, after `millis` milliseconds. */
  readonly wakeAfter: (millis: number) => void
}

/**
 * Queues reviews, and calls `begin` of each review when it may be sent. A lane is a queue for one kind of review (see
 * {@link Lane}). The number of reviews in progress is limited in total and per lane. The lane with the fewest reviews
 * in progress goes first.
 *
 * A lane sends its oldest review first. But once the oldest review has waited for `Limits.newestFirstAfter`, the lane
 * sends its newest review first. A new caller then does not wait behind many old reviews whose callers may have left.
 *
 * While the API server is silent (see `isSilent`), every lane sends its newest review first. All lanes together then
 * begin one review per `Limits.probeInterval`.
 */
export class ReviewLanes {
  readonly #timer: Timer
  readonly #queued: Readonly<Record<Lane, Array<ReviewEntry>>> = { renewal: [], access: [], token: [] }
  readonly #begun: Record<Lane, number> = { renewal: 0, access: 0, token: 0 }
  #silent = false
  #lastProbe = Number.NEGATIVE_INFINITY

  constructor(timer: Timer) {
    this.#timer = timer
  }

  get inProgressCount(): number {
    return lanes.reduce((sum, lane) => sum + this.#begun[lane], 0)
  }

  get queuedCount(): number {
    return lanes.reduce((sum, lane) => sum + this.#queued[lane].length, 0)
  }

  /** True if the last recorded outcome of a review is a timeout. */
  get isSilent(): boolean {
    return this.#silent
  }

  /** True if a review that enters this lane begins immediately. */
  isOpen(lane: Lane): boolean {
    return this.#hasPlace(lane) && !this.#isPaused()
  }

  /**
   * Adds a review to the queue of `entry.lane`. If this queue is full, evicts its oldest review. The added review may
   * begin before this method returns.
   */
  enter(entry: ReviewEntry): void {
    const queue = this.#queued[entry.lane]
    queue.push(entry)
    if (queue.length > Limits.maxQueuedPerLane) {
      const oldest = queue.shift()
      if (oldest !== undefined) {
        oldest.state = "over"
        oldest.evict()
      }
    }
    this.advance()
  }

  /** Removes a queued review, or ends a review in progress. Then begins all reviews that may begin now. */
  leave(entry: ReviewEntry): void {
    if (entry.state === "queued") {
      const queue = this.#queued[entry.lane]
      queue.splice(queue.indexOf(entry), 1)
    } else if (entry.state === "begun") this.#begun[entry.lane]--
    entry.state = "over"
    this.advance()
  }

  /** Records the outcome of a review. `isAnswered` is false if and only if the review timed out. */
  recordOutcome(isAnswered: boolean): void {
    this.#silent = !isAnswered
    this.advance()
  }

  /** Begins all reviews that may begin now. */
  advance(): void {
    while (!this.#isPaused()) {
      const lane = this.#next()
      if (lane === undefined) return
      const entry = this.#isSlow(lane) ? this.#queued[lane].pop() : this.#queued[lane].shift()
      if (entry === undefined) return
      entry.state = "begun"
      this.#begun[lane]++
      if (this.#silent) {
        this.#lastProbe = this.#timer.now()
        this.#timer.wakeAfter(probeIntervalMillis)
      }
      entry.begin()
    }
  }

  #hasPlace(lane: Lane): boolean {
    return this.inProgressCount < Limits.maxReviews && this.#begun[lane] < Limits.maxReviewsPerLane
  }

  #isPaused(): boolean {
    if (!this.#silent) return false
    const since = this.#timer.now() - this.#lastProbe
    // A negative time means that the clock was set back.
    return since >= 0 && since < probeIntervalMillis
  }

  #isSlow(lane: Lane): boolean {
    const since = this.#queued[lane][0]?.queuedAt ?? Number.POSITIVE_INFINITY
    return this.#silent || this.#timer.now() - since >= newestFirstAfterMillis
  }

  #next(): Lane | undefined {
    let next: Lane | undefined
    for (const lane of lanes) {
      if (this.#queued[lane].length === 0 || !this.#hasPlace(lane)) continue
      if (next === undefined || this.#begun[lane] < this.#begun[next]) next = lane
    }
    return next
  }
}
