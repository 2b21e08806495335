import { Effect } from "effect"
import type { Fixture } from "../servers/Fixture.ts"
import * as ClientProgram from "../clients/ClientProgram.ts"
import type { CrowdOutcome } from "../clients/CrowdClient.ts"
import { download } from "../clients/Download.ts"
import type { RegistryPackage } from "../servers/RegistryPackage.ts"
import { resetPeak, peakMiB, residentMiB } from "../servers/ProcessTree.ts"
import type { Verdict } from "../report/Report.ts"
import * as ProxyProgram from "../servers/ProxyProgram.ts"
import { formatFigure } from "../report/Table.ts"

const crowd = (
  url: string,
  clients: number,
  slow: number,
  wanted: RegistryPackage
): Effect.Effect<CrowdOutcome, Error> =>
  ClientProgram.runClientProgram("CrowdClient.ts", [url, clients, slow, wanted.size])

/**
 * Measures how much the server's memory grows while 100 concurrent clients download one package that is not cached.
 * Before the 100 downloads, one client downloads another package, because the first download in a process needs
 * additional memory. Returns the resident memory before the 100 downloads and its growth, both in MiB.
 */
export const memoryGrowth = (
  { packages }: Pick<Fixture, "packages">,
  server: ProxyProgram.ProxyProgram
): Effect.Effect<
  { readonly outcome: CrowdOutcome; readonly before: number; readonly growth: number },
  Error
> =>
  Effect.gen(function* () {
    // The first download in a process uses additional memory.
    yield* download(server.url(packages.crowd))
    yield* Effect.sleep("1 second")
    resetPeak(server.pid)
    const before = residentMiB(server.pid)
    const outcome = yield* crowd(server.url(packages.medium), 100, 0, packages.medium)
    yield* Effect.sleep("300 millis")
    return { outcome, before, growth: peakMiB(server.pid) - before }
  })

/**
 * Counts the requests to the registry while 100 concurrent clients download one package that is not cached. Also
 * measures how much the memory of registry-packages-proxy grows.
 */
export const checkMisses = (fixture: Fixture): Effect.Effect<ReadonlyArray<Verdict>, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { origin, workDirectory } = fixture
      const server = yield* ProxyProgram.start({ name: "crowd-misses", workDirectory, host: origin.host })
      const mark = origin.accessLogSize()
      const { before, growth: grown, outcome } = yield* memoryGrowth(fixture, server)
      const asked = origin.requestsSince(mark)
      const count = (path: string) => asked.filter((line) => line.startsWith(`GET ${path}`)).length
      // Subtracts the requests for the package that `memoryGrowth` downloads first.
      const manifests = count("/v2/bench/manifests/") - 1
      const pulls = count("/v2/bench/blobs/") - 1
      return [
        {
          what: "100 concurrent misses of one 64 MiB package: upstream requests",
          target: "1 manifest, 1 blob",
          measured: `${manifests} manifest, ${pulls} blob, ${outcome.failures.length} failures, ${formatFigure(outcome.seconds)} s`,
          met: manifests === 1 && pulls === 1 && outcome.failures.length === 0
        },
        {
          what: "the same: memory growth",
          target: "< 64 MiB",
          measured: `${formatFigure(grown)} MiB (from ${formatFigure(before)})`,
          met: grown < 64
        }
      ]
    })
  )

/**
 * Counts failed downloads while 1000 concurrent clients download one cached package. 8 of the clients read slowly. Also
 * measures the peak memory of registry-packages-proxy.
 */
export const checkHits = ({
  packages,
  origin,
  workDirectory
}: Fixture): Effect.Effect<ReadonlyArray<Verdict>, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const server = yield* ProxyProgram.start({ name: "crowd-hits", workDirectory, host: origin.host })
      yield* download(server.url(packages.crowd))
      resetPeak(server.pid)
      const outcome = yield* crowd(server.url(packages.crowd), 1000, 8, packages.crowd)
      const peak = peakMiB(server.pid)
      return [
        {
          what: "1000 clients at once on a 1 MiB package, 8 of them slow",
          target: "0 failures",
          measured: `${outcome.failures.length} failures${outcome.failures.length > 0 ? ` (${outcome.failures[0]})` : ""}, first byte p99 ${formatFigure(outcome.p99)} s, ${formatFigure(outcome.seconds)} s`,
          met: outcome.failures.length === 0
        },
        {
          what: "the same: resident memory",
          target: "< 256 MiB",
          measured: `${formatFigure(peak)} MiB`,
          met: peak < 256
        }
      ]
    })
  )
