import { Effect } from "effect"
import type { Bed } from "../servers/Bed.ts"
import * as ClientProgram from "../clients/ClientProgram.ts"
import type { Outcome } from "../clients/Crowd.ts"
import { download } from "../clients/Download.ts"
import type { Blob } from "../servers/Blob.ts"
import { forgetPeak, peakMiB, residentMiB } from "../servers/ProcessTree.ts"
import type { Verdict } from "../report/Report.ts"
import * as Servers from "../servers/Servers.ts"
import { figure } from "../report/Table.ts"

const crowd = (url: string, clients: number, slow: number, blob: Blob): Effect.Effect<Outcome, Error> =>
  ClientProgram.run("Crowd.ts", [url, clients, slow, blob.size])

/** How many MiB a server grows by while 100 clients miss one package at once, after it has served another. */
export const growth = (
  { blobs }: Pick<Bed, "blobs">,
  server: Servers.Program
): Effect.Effect<{ readonly outcome: Outcome; readonly before: number; readonly growth: number }, Error> =>
  Effect.gen(function* () {
    // What the first package of all costs is not what 100 clients cost.
    yield* download(server.url(blobs.crowd))
    yield* Effect.sleep("1 second")
    forgetPeak(server.pid)
    const before = residentMiB(server.pid)
    const outcome = yield* crowd(server.url(blobs.medium), 100, 0, blobs.medium)
    yield* Effect.sleep("300 millis")
    return { outcome, before, growth: peakMiB(server.pid) - before }
  })

/** 100 clients who miss one package at once. */
export const misses = (bed: Bed): Effect.Effect<ReadonlyArray<Verdict>, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { origin, work } = bed
      const server = yield* Servers.program({ name: "crowd-misses", work, host: origin.host })
      const mark = origin.mark()
      const { before, growth: grown, outcome } = yield* growth(bed, server)
      const asked = origin.requestsSince(mark)
      const count = (path: string) => asked.filter((line) => line.startsWith(`GET ${path}`)).length
      // The first package's are among them.
      const manifests = count("/v2/bench/manifests/") - 1
      const pulls = count("/v2/bench/blobs/") - 1
      return [
        {
          what: "100 concurrent misses of one 64 MiB package: requests upstream",
          bar: "1 manifest, 1 blob",
          measured: `${manifests} manifest, ${pulls} blob, ${outcome.failures.length} failures, ${figure(outcome.seconds)} s`,
          met: manifests === 1 && pulls === 1 && outcome.failures.length === 0
        },
        {
          what: "the same: memory growth",
          bar: "< 64 MiB",
          measured: `${figure(grown)} MiB (from ${figure(before)})`,
          met: grown < 64
        }
      ]
    })
  )

/** 1000 clients at once, some of them slow. */
export const thousand = ({ blobs, origin, work }: Bed): Effect.Effect<ReadonlyArray<Verdict>, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const server = yield* Servers.program({ name: "crowd-hits", work, host: origin.host })
      yield* download(server.url(blobs.crowd))
      forgetPeak(server.pid)
      const outcome = yield* crowd(server.url(blobs.crowd), 1000, 8, blobs.crowd)
      const peak = peakMiB(server.pid)
      return [
        {
          what: "1000 clients at once on a 1 MiB package, 8 of them slow",
          bar: "0 failures",
          measured: `${outcome.failures.length} failures${outcome.failures.length > 0 ? ` (${outcome.failures[0]})` : ""}, first byte p99 ${figure(outcome.p99)} s, ${figure(outcome.seconds)} s`,
          met: outcome.failures.length === 0
        },
        {
          what: "the same: resident memory",
          bar: "< 256 MiB",
          measured: `${figure(peak)} MiB`,
          met: peak < 256
        }
      ]
    })
  )
