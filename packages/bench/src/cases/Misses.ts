import { Effect, type Scope } from "effect"
import type { Fixture } from "../servers/Fixture.ts"
import { compareServers, type Sample } from "./CompareServers.ts"
import { download } from "../clients/Download.ts"
import * as Nginx from "../servers/Nginx.ts"
import type { RegistryPackage } from "../servers/RegistryPackage.ts"
import type { Comparison } from "../report/Report.ts"
import type { MeasuredServer } from "../servers/MeasuredServer.ts"
import { percentiles } from "../report/Statistics.ts"
import * as Peers from "../servers/Peers.ts"
import * as ProxyProgram from "../servers/ProxyProgram.ts"

type Servers = Effect.Effect<ReadonlyArray<MeasuredServer>, Error, Scope.Scope>

/**
 * Starts registry-packages-proxy and other pull-through caches for the registry at `host`. The last server in the
 * result is the registry itself.
 */
const pullers = ({ hasPeer, origin, workDirectory }: Fixture, name: string, host: string): Servers =>
  Effect.gen(function* () {
    return [
      yield* ProxyProgram.start({ name, workDirectory, host }),
      ...(hasPeer("docker-registry") ? [yield* Peers.distribution({ upstream: host, workDirectory })] : []),
      yield* Nginx.startProxyCache({ upstream: host, workDirectory, name }),
      Peers.direct(origin, host)
    ]
  })

/**
 * Waits 150 ms, then empties the server's cache. During the 150 ms, the server can finish storing the package of the
 * previous round.
 */
const emptied = (server: MeasuredServer): Effect.Effect<void> =>
  Effect.andThen(Effect.sleep("150 millis"), server.emptyCache)

/**
 * Empties the server's cache, then measures `clients` concurrent downloads of one package. The sample's `value` is in
 * seconds. Fails if a download is incomplete.
 */
export const cold = (
  server: MeasuredServer,
  wanted: RegistryPackage,
  clients: number
): Effect.Effect<Sample, Error> =>
  Effect.gen(function* () {
    yield* emptied(server)
    const began = performance.now()
    const all = yield* Effect.all(
      Array.from({ length: clients }, () => download(server.url(wanted))),
      { concurrency: "unbounded" }
    )
    const seconds = (performance.now() - began) / 1000
    const downloads = all.flat()
    const short = downloads.find(({ bytes }) => bytes !== wanted.size)
    if (short !== undefined)
      return yield* Effect.fail(
        new Error(`${server.name} sent ${short.bytes} bytes, expected ${wanted.size}`)
      )
    return {
      // With one client, the value is curl's own time, which excludes the start of curl.
      value: clients === 1 ? (downloads[0]?.seconds ?? Number.NaN) : seconds,
      bytes: clients * wanted.size,
      firstByte: percentiles(downloads.map(({ firstByteSeconds }) => firstByteSeconds))
    }
  })

/**
 * Compares how long one client's download of a package takes from registry-packages-proxy, from other caches and from
 * the registry itself. No cache has the package.
 */
export const single = (fixture: Fixture, wanted: RegistryPackage): Effect.Effect<Comparison, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      return yield* compareServers({
        title: `cold miss, ${wanted.size / 1024 / 1024} MiB`,
        unit: "s",
        lessIsBetter: true,
        rounds: fixture.workload.rounds,
        servers: yield* pullers(fixture, `cold-${wanted.size}`, fixture.origin.host),
        measureRound: (server) => cold(server, wanted, 1),
        notes: [
          "the registry is nginx with static files (sendfile); the cache is emptied before every download"
        ]
      })
    })
  )

/**
 * Compares how long one client's download of the large package takes from registry-packages-proxy, from nginx and from
 * the registry itself. No cache has the package. The registry sends at most 1 Gbit/s per connection.
 */
export const limited = (fixture: Fixture): Effect.Effect<Comparison, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const host = fixture.origin.limitedHost
      return yield* compareServers({
        title: `cold miss, ${fixture.packages.large.size / 1024 / 1024} MiB, upstream at 1 Gbit/s`,
        unit: "s",
        lessIsBetter: true,
        rounds: fixture.workload.rounds,
        servers: [
          yield* ProxyProgram.start({ name: "limited", workDirectory: fixture.workDirectory, host }),
          yield* Nginx.startProxyCache({
            upstream: host,
            workDirectory: fixture.workDirectory,
            name: "limited"
          }),
          Peers.direct(fixture.origin, host)
        ],
        measureRound: (server) => cold(server, fixture.packages.large, 1),
        notes: ["nginx limit_rate 125000000"]
      })
    })
  )

/**
 * Compares how long registry-packages-proxy and other caches take to send the large package to `clients` concurrent
 * clients. No cache has the package.
 */
export const concurrent = (fixture: Fixture, clients: number): Effect.Effect<Comparison, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const servers = yield* pullers(fixture, `concurrent-${clients}`, fixture.origin.host)
      return yield* compareServers({
        title: `${clients} concurrent cold misses, ${fixture.packages.large.size / 1024 / 1024} MiB`,
        unit: "s",
        lessIsBetter: true,
        rounds: fixture.workload.rounds,
        servers: servers.filter(({ name }) => !name.startsWith("direct")),
        measureRound: (server) => cold(server, fixture.packages.large, clients),
        notes: ["until the last client has the whole package; nginx with proxy_cache_lock"]
      })
    })
  )
