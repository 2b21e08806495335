import { Effect, type Scope } from "effect"
import type { Bed } from "../servers/Bed.ts"
import { compare, type Sample } from "./Compare.ts"
import { download } from "../clients/Download.ts"
import * as Nginx from "../servers/Nginx.ts"
import type { Blob } from "../servers/Blob.ts"
import type { Comparison } from "../report/Report.ts"
import type { Server } from "../servers/Server.ts"
import * as Servers from "../servers/Servers.ts"

type Servers = Effect.Effect<ReadonlyArray<Server>, Error, Scope.Scope>

/** The program first, then what pulls through too, then the registry itself. */
const pullers = ({ has, origin, work }: Bed, name: string, host: string): Servers =>
  Effect.gen(function* () {
    return [
      yield* Servers.program({ name, work, host }),
      ...(has("docker-registry") ? [yield* Servers.distribution({ upstream: host, work })] : []),
      yield* Nginx.cache({ upstream: host, work, name }),
      Servers.direct(origin, host)
    ]
  })

/** The cache is emptied once the last round's file is in place. */
const emptied = (server: Server): Effect.Effect<void> =>
  Effect.andThen(Effect.sleep("150 millis"), server.empty)

/** One download each of so many clients, of a package that the server has to fetch. */
export const cold = (server: Server, blob: Blob, clients: number): Effect.Effect<Sample, Error> =>
  Effect.gen(function* () {
    yield* emptied(server)
    const began = performance.now()
    const all = yield* Effect.all(
      Array.from({ length: clients }, () => download(server.url(blob))),
      { concurrency: "unbounded" }
    )
    const seconds = (performance.now() - began) / 1000
    const downloads = all.flat()
    const short = downloads.find(({ bytes }) => bytes !== blob.size)
    if (short !== undefined) return yield* Effect.fail(new Error(`${server.name} gave ${short.bytes} bytes`))
    return {
      // curl's own clock, where there is one client: starting the process does not count.
      value: clients === 1 ? (downloads[0]?.seconds ?? Number.NaN) : seconds,
      bytes: clients * blob.size,
      firstBytes: downloads.map(({ firstByte }) => firstByte)
    }
  })

/** A package nobody has asked for before. */
export const single = (bed: Bed, blob: Blob): Effect.Effect<Comparison, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      return yield* compare({
        title: `cold miss, ${blob.size / 1024 / 1024} MiB`,
        unit: "s",
        lessIsBetter: true,
        rounds: bed.extent.rounds,
        servers: yield* pullers(bed, `cold-${blob.size}`, bed.origin.host),
        round: (server) => cold(server, blob, 1),
        notes: ["the registry is nginx with static files (sendfile); every run on an emptied cache"]
      })
    })
  )

/** The same where the registry gives 1 Gbit/s. */
export const limited = (bed: Bed): Effect.Effect<Comparison, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const host = bed.origin.limitedHost
      return yield* compare({
        title: `cold miss, ${bed.blobs.large.size / 1024 / 1024} MiB, upstream at 1 Gbit/s`,
        unit: "s",
        lessIsBetter: true,
        rounds: bed.extent.rounds,
        servers: [
          yield* Servers.program({ name: "limited", work: bed.work, host }),
          yield* Nginx.cache({ upstream: host, work: bed.work, name: "limited" }),
          Servers.direct(bed.origin, host)
        ],
        round: (server) => cold(server, bed.blobs.large, 1),
        notes: ["nginx limit_rate 125000000"]
      })
    })
  )

/** Several clients who miss the same package at once. */
export const concurrent = (bed: Bed, clients: number): Effect.Effect<Comparison, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const servers = yield* pullers(bed, `concurrent-${clients}`, bed.origin.host)
      return yield* compare({
        title: `${clients} concurrent cold misses, ${bed.blobs.large.size / 1024 / 1024} MiB`,
        unit: "s",
        lessIsBetter: true,
        rounds: bed.extent.rounds,
        servers: servers.filter(({ name }) => !name.startsWith("direct")),
        round: (server) => cold(server, bed.blobs.large, clients),
        notes: ["until the last of them has all of it; nginx with proxy_cache_lock"]
      })
    })
  )
