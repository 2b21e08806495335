import { Effect } from "effect"
import type { Bed } from "../servers/Bed.ts"
import type { Sample } from "./Compare.ts"
import { download, rate } from "../clients/Download.ts"
import type { Server } from "../servers/Server.ts"

/** Four downloads of the large package on one connection, in GB/s. */
export const throughput = (server: Server, { blobs }: Bed): Effect.Effect<Sample, Error> =>
  Effect.map(download(server.url(blobs.large), 4), (downloads) => {
    const bytes = downloads.reduce((sum, { bytes }) => sum + bytes, 0)
    return {
      value: bytes / downloads.reduce((sum, { seconds }) => sum + seconds, 0) / 1e9,
      bytes,
      firstBytes: downloads.map(({ firstByte }) => firstByte)
    }
  })

/** The small package as often as it is answered, in requests a second. */
export const requests = (
  server: Server,
  { blobs, extent }: Bed,
  connections: number
): Effect.Effect<Sample, Error> =>
  Effect.flatMap(rate(server.url(blobs.small), connections, extent.wrkSeconds), (rate) =>
    rate.errors > 0
      ? Effect.fail(new Error(`${server.name}: ${rate.errors} of its answers were errors: ${rate.troubles}`))
      : Effect.succeed({
          value: rate.perSecond,
          bytes: rate.perSecond * extent.wrkSeconds * blobs.small.size,
          firstBytes: [rate.p50, rate.p99]
        })
  )
