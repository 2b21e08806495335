import { Effect } from "effect"
import type { Fixture } from "../servers/Fixture.ts"
import type { Sample } from "./CompareServers.ts"
import { download, runWrk } from "../clients/Download.ts"
import { percentiles } from "../report/Statistics.ts"
import type { MeasuredServer } from "../servers/MeasuredServer.ts"

/** Downloads the large package four times on one connection. The sample's value is in GB/s (10^9 bytes per second). */
export const throughput = (server: MeasuredServer, { packages }: Fixture): Effect.Effect<Sample, Error> =>
  Effect.map(download(server.url(packages.large), 4), (downloads) => {
    const bytes = downloads.reduce((sum, { bytes }) => sum + bytes, 0)
    return {
      value: bytes / downloads.reduce((sum, { seconds }) => sum + seconds, 0) / 1e9,
      bytes,
      firstByte: percentiles(downloads.map(({ firstByteSeconds }) => firstByteSeconds))
    }
  })

/**
 * Measures with wrk how many requests for the small package the server answers per second. The sample's `value` is this
 * number. Fails if a request fails or its response is an error.
 */
export const requestRate = (
  server: MeasuredServer,
  { packages, workload }: Fixture,
  connections: number
): Effect.Effect<Sample, Error> =>
  Effect.flatMap(runWrk(server.url(packages.small), connections, workload.wrkSeconds), (rate) =>
    rate.errors > 0
      ? Effect.fail(new Error(`${server.name}: ${rate.errors} responses were errors: ${rate.errorLines}`))
      : Effect.succeed({
          value: rate.requestsPerSecond,
          bytes: rate.requestsPerSecond * workload.wrkSeconds * packages.small.size,
          firstByte: { p50: rate.p50, p99: rate.p99 }
        })
  )
