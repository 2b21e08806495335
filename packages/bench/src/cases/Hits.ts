import { Effect } from "effect"
import type { Bed } from "../servers/Bed.ts"
import { compare } from "./Compare.ts"
import * as Nginx from "../servers/Nginx.ts"
import type { Comparison } from "../report/Report.ts"
import * as Rounds from "./Rounds.ts"
import * as Servers from "../servers/Servers.ts"

const kib = 1024

/** A large package from the cache, one client. */
export const large = (bed: Bed): Effect.Effect<Comparison, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { blobs, extent, origin, work } = bed
      const bare = (bufferSize: number, buffers: number) =>
        Servers.bareNode({ blobs: [blobs.large], work, bufferSize, buffers })
      const servers = [
        yield* Servers.program({ name: "hit", work, host: origin.host }),
        yield* bare(512 * kib, 2),
        yield* bare(1024 * kib, 4),
        yield* bare(256 * kib, 1),
        yield* Nginx.files(origin, work, false),
        yield* Nginx.files(origin, work, true)
      ]
      return yield* compare({
        title: `hit, ${extent.large / kib / kib} MiB, one client`,
        unit: "GB/s",
        lessIsBetter: false,
        rounds: extent.rounds,
        servers,
        round: (server) => Rounds.throughput(server, bed),
        notes: ["4 downloads a round on one connection; nginx with sendfile is the most the client can take"]
      })
    })
  )

/** Small packages, as fast as they are answered. */
export const small = (bed: Bed, connections: number): Effect.Effect<Comparison, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { blobs, extent, origin, work } = bed
      const servers = [
        yield* Servers.program({ name: `small-${connections}`, work, host: origin.host }),
        yield* Servers.bareNode({ blobs: [blobs.small], work, bufferSize: 512 * kib, buffers: 2 }),
        yield* Nginx.files(origin, work, true)
      ]
      return yield* compare({
        title: `hit, 20 KiB, ${connections} connection${connections === 1 ? "" : "s"}`,
        unit: "requests/s",
        lessIsBetter: false,
        rounds: extent.rounds,
        servers,
        round: (server) => Rounds.requests(server, bed, connections),
        notes: ["wrk, one thread; the times are of whole requests: the mean p50, the largest p99"]
      })
    })
  )
