import { Heap } from "./Heap.ts"

/**
 * The parameters of a simulated rollout. Each node downloads all packages one by one in random order, each package from
 * a random master.
 */
export interface Rollout {
  readonly masters: number
  readonly nodes: number
  /** The size of each package, in bytes. */
  readonly packageBytes: ReadonlyArray<number>
  /**
   * Maximum bytes per second that one master sends. The limit is that of its network, or the speed at which one process
   * of registry-packages-proxy encrypts.
   */
  readonly masterBytesPerSecond: number
  /** Maximum bytes per second of one download from a master. The receiver is a node or another master. */
  readonly nodeBytesPerSecond: number
  /** Maximum bytes per second from the registry to all masters together. */
  readonly upstreamBytesPerSecond: number
  /** The maximum size of each master's cache, in bytes. */
  readonly cacheBytes: number
  /**
   * Seconds from the start of a request to its first byte. They include connection, TLS handshake and access control.
   */
  readonly requestSeconds: number
  /** The nodes start at random times within this number of seconds. */
  readonly startSeconds: number
  /**
   * True if only one master pulls each package from the registry, and the other masters pull the package from this
   * master.
   */
  readonly mastersShare: boolean
  /** The seed of the random numbers. Rollouts with equal parameters have equal results. */
  readonly seed: number
}

/** The outcome of a simulated rollout. */
export interface RolloutResult {
  /** Seconds until the last node has all packages. */
  readonly seconds: number
  /** Seconds until half of the nodes have all packages. */
  readonly medianSeconds: number
  readonly upstreamBytes: number
  readonly upstreamPulls: number
  readonly servedBytes: number
  /** The number of requests that masters rejected because of too many concurrent downloads. */
  readonly rejectedRequests: number
}

/**
 * Maximum concurrent downloads from one master (docs/http.md). A further request gets 503 and is retried after
 * `retrySeconds`.
 */
const maxDownloads = 4096
const retrySeconds = 5

/** Returns a generator of random numbers in [0, 1). The same seed gives the same numbers (mulberry32). */
export const randomGenerator = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/**
 * A network link whose flows share `rate` equally. No flow gets more than `flowRate`. Both rates are in bytes per
 * second. `#level` rises by the number of bytes that each current flow receives. A flow of `size` bytes ends when
 * `#level` has risen by `size`. So no flow needs an update when another flow starts or ends.
 */
class Link<A> {
  readonly #flows = new Heap<{ readonly end: number; readonly of: A }>((a, b) => a.end - b.end)
  readonly #rate: number
  readonly #flowRate: number
  #level = 0
  #time = 0
  constructor(rate: number, flowRate: number) {
    this.#rate = rate
    this.#flowRate = flowRate
  }
  get count(): number {
    return this.#flows.size
  }
  #advance(time: number): void {
    if (this.count > 0) this.#level += (time - this.#time) * this.#perFlow
    this.#time = time
  }
  get #perFlow(): number {
    return Math.min(this.#rate / this.count, this.#flowRate)
  }
  add(time: number, size: number, of: A): void {
    this.#advance(time)
    this.#flows.push({ end: this.#level + size, of })
  }
  /** The virtual time, in seconds, at which the next flow ends. Infinity if there are no flows. */
  get next(): number {
    const first = this.#flows.peek()
    return first === undefined ? Infinity : this.#time + Math.max(0, first.end - this.#level) / this.#perFlow
  }
  take(time: number): A {
    this.#advance(time)
    const first = this.#flows.pop()
    if (first === undefined) throw new Error("no flow ends now")
    return first.of
  }
}

interface Download {
  readonly node: number
  readonly item: number
}

/** A package that is in a master's cache or is being pulled into it. */
interface Entry {
  isWhole: boolean
  used: number
  /** Downloads that wait for the rest of the package. */
  readonly waiting: Array<Download>
  /** Other masters that receive the package from this master while this master is still pulling the package. */
  readonly followers: Array<number>
}

/** Simulates a rollout in virtual time, and returns its outcome. */
export const simulate = (rollout: Rollout): RolloutResult => {
  const { cacheBytes, masters, nodes, packageBytes, requestSeconds, mastersShare } = rollout
  const draw = randomGenerator(rollout.seed)
  const any = (count: number) => Math.floor(draw() * count)
  const links = Array.from(
    { length: masters },
    () =>
      new Link<Download | { readonly to: number; readonly item: number }>(
        rollout.masterBytesPerSecond,
        rollout.nodeBytesPerSecond
      )
  )
  const upstream = new Link<{ readonly master: number; readonly item: number }>(
    rollout.upstreamBytesPerSecond,
    Infinity
  )
  const caches = Array.from({ length: masters }, () => new Map<number, Entry>())
  const held = Array.from({ length: masters }, () => 0)
  const timers = new Heap<{ readonly at: number; readonly of: Download }>((a, b) => a.at - b.at)
  const orders = Array.from({ length: nodes }, () => {
    const order = packageBytes.map((_, item) => item)
    for (let last = order.length - 1; last > 0; last--) {
      const other = any(last + 1)
      ;[order[last], order[other]] = [order[other] ?? 0, order[last] ?? 0]
    }
    return order
  })
  const finished: Array<number> = []
  let [now, upstreamBytes, upstreamPulls, servedBytes, rejectedRequests] = [0, 0, 0, 0, 0]
  const sizeOf = (item: number) => packageBytes[item] ?? 0
  const ownerOf = (item: number) => item % masters

  const begin = (node: number) => {
    const item = orders[node]?.pop()
    if (item === undefined) finished.push(now)
    else timers.push({ at: now + requestSeconds, of: { node, item } })
  }

  const evict = (master: number, size: number) => {
    const entries = caches[master] ?? new Map<number, Entry>()
    while ((held[master] ?? 0) + size > cacheBytes) {
      let oldest: number | undefined
      for (const [item, { isWhole, used }] of entries) {
        if (isWhole && (oldest === undefined || used < (entries.get(oldest)?.used ?? 0))) oldest = item
      }
      if (oldest === undefined) return
      entries.delete(oldest)
      held[master] = (held[master] ?? 0) - sizeOf(oldest)
    }
  }

  /**
   * Returns the entry of the package `item` in a master's cache. If there is no entry, creates one and starts a pull.
   */
  const entryOf = (master: number, item: number): Entry => {
    const entries = caches[master] ?? new Map<number, Entry>()
    const there = entries.get(item)
    if (there !== undefined) return there
    evict(master, sizeOf(item))
    held[master] = (held[master] ?? 0) + sizeOf(item)
    const entry: Entry = { isWhole: false, used: now, waiting: [], followers: [] }
    entries.set(item, entry)
    const owner = ownerOf(item)
    if (!mastersShare || owner === master) {
      upstreamBytes += sizeOf(item)
      upstreamPulls++
      upstream.add(now, sizeOf(item), { master, item })
    } else {
      const source = entryOf(owner, item)
      if (source.isWhole) links[owner]?.add(now, sizeOf(item), { to: master, item })
      else source.followers.push(master)
    }
    return entry
  }

  const completed = ({ item, node }: Download) => {
    servedBytes += sizeOf(item)
    begin(node)
  }

  const filled = (master: number, item: number) => {
    const entry = caches[master]?.get(item)
    if (entry === undefined) return
    entry.isWhole = true
    // The cache may have exceeded its size, since packages cannot be evicted while they are being pulled.
    evict(master, 0)
    for (const download of entry.waiting.splice(0)) completed(download)
    // The followers received the package while this master pulled it.
    for (const follower of entry.followers.splice(0)) filled(follower, item)
  }

  for (let node = 0; node < nodes; node++) {
    const item = orders[node]?.pop()
    if (item !== undefined) {
      timers.push({ at: draw() * rollout.startSeconds + requestSeconds, of: { node, item } })
    }
  }
  for (;;) {
    let next = Math.min(timers.peek()?.at ?? Infinity, upstream.next)
    let from: number | undefined
    for (let master = 0; master < masters; master++) {
      const time = links[master]?.next ?? Infinity
      if (time < next) [next, from] = [time, master]
    }
    if (next === Infinity) break
    now = next
    if (from !== undefined) {
      const ended = links[from]?.take(now)
      if (ended === undefined) continue
      if ("to" in ended) filled(ended.to, ended.item)
      else {
        const entry = entryOf(from, ended.item)
        if (entry.isWhole) completed(ended)
        else entry.waiting.push(ended)
      }
    } else if (upstream.next <= now) {
      const { item, master } = upstream.take(now)
      filled(master, item)
    } else {
      const timer = timers.pop()
      if (timer === undefined) break
      const master = any(masters)
      const link = links[master]
      if (link === undefined || link.count >= maxDownloads) {
        rejectedRequests++
        timers.push({ at: now + retrySeconds, of: timer.of })
      } else {
        entryOf(master, timer.of.item).used = now
        link.add(now, sizeOf(timer.of.item), timer.of)
      }
    }
  }
  const times = finished.toSorted((a, b) => a - b)
  return {
    seconds: times.at(-1) ?? 0,
    medianSeconds: times[times.length >> 1] ?? 0,
    upstreamBytes,
    upstreamPulls,
    servedBytes,
    rejectedRequests
  }
}
