import { Effect } from "effect"
import type { Fixture } from "../servers/Fixture.ts"
import type { Sample } from "./CompareServers.ts"
import { download, rate } from "../clients/Download.ts"
import { percentiles } from "../report/Statistics.ts"
import type { MeasuredServer } from "../servers/MeasuredServer.ts"

/** Downloads the large package four times on one connection. The sample's value is in GB/s (10^9 bytes per second). */
export const throughput = (server: MeasuredServer, { blobs }: Fixture): Effect.Effect<Sample, Error> =>
  Effect.map(download(server.url(blobs.large), 4), (downloads) => {
    const bytes = downloads.reduce((sum, { bytes }) => sum + bytes, 0)
    return {
      value: bytes / downloads.reduce((sum, { seconds }) => sum + seconds, 0) / 1e9,
      bytes,
      firstByte: percentiles(downloads.map(({ firstByte }) => firstByte))
    }
  })

/**
 * Requests the small package at the highest rate. The sample's value is in requests per second. Fails if a response is
 * an error.
 */
export const requests = (
  server: MeasuredServer,
  { blobs, extent }: Fixture,
  connections: number
): Effect.Effect<Sample, Error> =>
  Effect.flatMap(rate(server.url(blobs.small), connections, extent.wrkSeconds), (rate) =>
    rate.errors > 0
      ? Effect.fail(new Error(`${server.name}: ${rate.errors} responses were errors: ${rate.errorLines}`))
      : Effect.succeed({
          value: rate.perSecond,
          bytes: rate.perSecond * extent.wrkSeconds * blobs.small.size,
          firstByte: { p50: rate.p50, p99: rate.p99 }
        })
  )
