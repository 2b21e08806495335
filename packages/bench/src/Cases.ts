import type { Effect } from "effect"
import * as AccessDecision from "./cases/AccessDecision.ts"
import * as ConcurrentClients from "./cases/ConcurrentClients.ts"
import * as Hits from "./cases/Hits.ts"
import * as MemoryAfterServing from "./cases/MemoryAfterServing.ts"
import * as Misses from "./cases/Misses.ts"
import * as SecureHits from "./cases/SecureHits.ts"
import * as SlowReaders from "./cases/SlowReaders.ts"
import * as StartAndIdle from "./cases/StartAndIdle.ts"
import * as Tracing from "./cases/Tracing.ts"
import type { Comparison, Verdict } from "./report/Report.ts"
import type { Fixture } from "./servers/Fixture.ts"

/** A case of the benchmark. `A` is the type of its result. */
export interface BenchCase<A> {
  /** One line that describes the case in the output of `--help`. */
  readonly description: string
  /** The case is skipped if this returns false. Default: the case always runs. */
  readonly isPossible?: (fixture: Fixture) => boolean
  readonly run: (fixture: Fixture) => Effect.Effect<A, Error>
}

const hasWrk = ({ hasPeer }: Fixture): boolean => hasPeer("wrk")

/** The cases that compare servers, by name, in order of execution. */
export const comparisons: Readonly<Record<string, BenchCase<Comparison>>> = {
  "hit-large": { description: "a large package from the cache", run: Hits.large },
  "secure-large": { description: "the same over HTTPS with access control", run: SecureHits.large },
  "miss-large": {
    description: "a large package that is not cached",
    run: (fixture) => Misses.single(fixture, fixture.packages.large)
  },
  "miss-huge": {
    description: "the same with 1 GiB (not with --quick)",
    isPossible: ({ packages }) => packages.huge !== undefined,
    run: (fixture) => Misses.single(fixture, fixture.packages.huge ?? fixture.packages.large)
  },
  "miss-limited": { description: "a miss with a registry at 1 Gbit/s", run: Misses.limited },
  "miss-concurrent": {
    description: "8 concurrent misses of one package",
    run: (fixture) => Misses.concurrent(fixture, 8)
  },
  "traced-large": { description: "hit-large with every request traced", run: Tracing.largeHits },
  "traced-miss": { description: "miss-large with every request traced", run: Tracing.largeMiss },
  "traced-small": {
    description: "hit-small-32 with every request traced (needs wrk)",
    isPossible: hasWrk,
    run: Tracing.smallHits
  },
  "hit-small-1": {
    description: "small packages from the cache, 1 connection (needs wrk)",
    isPossible: hasWrk,
    run: (fixture) => Hits.small(fixture, 1)
  },
  "hit-small-32": {
    description: "small packages from the cache, 32 connections (needs wrk)",
    isPossible: hasWrk,
    run: (fixture) => Hits.small(fixture, 32)
  },
  "secure-small": {
    description: "the same over HTTPS with access control (needs wrk)",
    isPossible: hasWrk,
    run: (fixture) => SecureHits.small(fixture, 32)
  }
}

/** The cases that check measurements against limits. The keys are the names of the cases, in order of execution. */
export const checks: Readonly<Record<string, BenchCase<ReadonlyArray<Verdict>>>> = {
  decision: {
    description: "an access decision on a cached token",
    run: ({ workload }) => AccessDecision.cached(workload.rounds)
  },
  "crowd-misses": {
    description: "100 concurrent misses: upstream requests, memory",
    run: ConcurrentClients.checkMisses
  },
  "crowd-hits": { description: "1000 concurrent hits: failures, memory", run: ConcurrentClients.checkHits },
  "slow-readers": { description: "slow clients beside fast ones on one miss", run: SlowReaders.slowReaders },
  start: {
    description: "start time and idle memory of script, executable and image",
    run: StartAndIdle.start
  },
  "traced-idle": { description: "idle memory with telemetry off and on", run: Tracing.idle },
  served: { description: "memory after serving a lot", run: MemoryAfterServing.afterServing }
}
