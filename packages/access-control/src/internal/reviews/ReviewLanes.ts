import * as Limits from "../Limits.ts"

/**
 * The purpose of a review: to confirm a decision that lets a caller in, a first decision about an authenticated user's
 * access, or about a token. Earlier ones have precedence where lanes are equally busy.
 */
export type Lane = "renewal" | "access" | "token"

const lanes: ReadonlyArray<Lane> = ["renewal", "access", "token"]

/** A review that waits for its place, has one, or has given it back. */
export interface Turn {
  readonly lane: Lane
  /** When it entered, in milliseconds since the epoch. */
  readonly since: number
  state: "queued" | "begun" | "over"
  /** Called once, when the review may begin. */
  readonly begin: () => void
  /** Called once, when newer reviews pushed it out of the queue. */
  readonly pushOut: () => void
}

/** Time, as far as the lanes need it. */
export interface Timer {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Calls `ReviewLanes.advance` once, after so many milliseconds. */
  readonly wake: (millis: number) => void
}

/**
 * Decides which review is sent next. Places are bounded in all and for each lane; a free one goes to the lane that has the
 * fewest. There the oldest is next while the queue moves, and the newest once it does not: whoever came first may have left,
 * and after a flood the next caller waits for nobody. While the API server is silent, reviews begin one at a time, each
 * `Limits.probeInterval`. A pure state machine: no method waits.
 */
export class ReviewLanes {
  readonly #timer: Timer
  readonly #queued: Readonly<Record<Lane, Array<Turn>>> = { renewal: [], access: [], token: [] }
  readonly #begun: Record<Lane, number> = { renewal: 0, access: 0, token: 0 }
  #silent = false
  #lastProbe = Number.NEGATIVE_INFINITY

  constructor(timer: Timer) {
    this.#timer = timer
  }

  get begun(): number {
    return lanes.reduce((sum, lane) => sum + this.#begun[lane], 0)
  }

  get queued(): number {
    return lanes.reduce((sum, lane) => sum + this.#queued[lane].length, 0)
  }

  /** True where the last review that ended got no answer in its time. */
  get isSilent(): boolean {
    return this.#silent
  }

  /** True where a review that enters this lane would begin at once. */
  isOpen(lane: Lane): boolean {
    return this.#hasPlace(lane) && !this.#isPaused()
  }

  /** Queues a review, which may begin before this returns. */
  enter(turn: Turn): void {
    const queue = this.#queued[turn.lane]
    queue.push(turn)
    if (queue.length > Limits.maxQueuedPerLane) {
      const oldest = queue.shift()
      if (oldest !== undefined) {
        oldest.state = "over"
        oldest.pushOut()
      }
    }
    this.advance()
  }

  /** Ends a turn, whatever became of it. */
  leave(turn: Turn): void {
    if (turn.state === "queued") {
      const queue = this.#queued[turn.lane]
      queue.splice(queue.indexOf(turn), 1)
    } else if (turn.state === "begun") this.#begun[turn.lane]--
    turn.state = "over"
    this.advance()
  }

  /** Says whether a review was answered, with whatever, or its time ran out. */
  heard(isAnswer: boolean): void {
    this.#silent = !isAnswer
    this.advance()
  }

  /** Begins what may begin. */
  advance(): void {
    while (!this.#isPaused()) {
      const lane = this.#next()
      if (lane === undefined) return
      const turn = this.#isStuck(lane) ? this.#queued[lane].pop() : this.#queued[lane].shift()
      if (turn === undefined) return
      turn.state = "begun"
      this.#begun[lane]++
      if (this.#silent) {
        this.#lastProbe = this.#timer.now()
        this.#timer.wake(Limits.probeInterval)
      }
      turn.begin()
    }
  }

  #hasPlace(lane: Lane): boolean {
    return this.begun < Limits.maxReviews && this.#begun[lane] < Limits.maxReviewsPerLane
  }

  #isPaused(): boolean {
    if (!this.#silent) return false
    const since = this.#timer.now() - this.#lastProbe
    // A clock that was set back does not stop it.
    return since >= 0 && since < Limits.probeInterval
  }

  #isStuck(lane: Lane): boolean {
    const since = this.#queued[lane][0]?.since ?? Number.POSITIVE_INFINITY
    return this.#silent || this.#timer.now() - since >= Limits.newestFirstAfter
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
