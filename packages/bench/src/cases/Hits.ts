import { Effect } from "effect"
import type { Fixture } from "../servers/Fixture.ts"
import { compareServers } from "./CompareServers.ts"
import * as Nginx from "../servers/Nginx.ts"
import type { Comparison } from "../report/Report.ts"
import * as Rounds from "./Rounds.ts"
import * as Peers from "../servers/Peers.ts"
import * as ProxyProgram from "../servers/ProxyProgram.ts"

const kib = 1024

/**
 * Compares how fast registry-packages-proxy and other servers send a large package to one client.
 * registry-packages-proxy has the package in its cache.
 */
export const large = (fixture: Fixture): Effect.Effect<Comparison, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { packages, workload, origin, workDirectory } = fixture
      const bare = (bufferSize: number, buffers: number) =>
        Peers.bareNode({ packages: [packages.large], workDirectory, bufferSize, buffers })
      const servers = [
        yield* ProxyProgram.start({ name: "hit", workDirectory, host: origin.host }),
        yield* bare(512 * kib, 2),
        yield* bare(1024 * kib, 4),
        yield* bare(256 * kib, 1),
        yield* Nginx.startFileServer(origin, workDirectory, false),
        yield* Nginx.startFileServer(origin, workDirectory, true)
      ]
      return yield* compareServers({
        title: `hit, ${workload.largeBytes / kib / kib} MiB, one client`,
        unit: "GB/s",
        lessIsBetter: false,
        rounds: workload.rounds,
        servers,
        measureRound: (server) => Rounds.throughput(server, fixture),
        notes: ["4 downloads a round on one connection; nginx with sendfile is the limit of the client"]
      })
    })
  )

/**
 * Compares the requests per second of registry-packages-proxy and other servers. All requests are for one small
 * package, which registry-packages-proxy has in its cache.
 */
export const small = (fixture: Fixture, connections: number): Effect.Effect<Comparison, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { packages, workload, origin, workDirectory } = fixture
      const servers = [
        yield* ProxyProgram.start({ name: `small-${connections}`, workDirectory, host: origin.host }),
        yield* Peers.bareNode({
          packages: [packages.small],
          workDirectory,
          bufferSize: 512 * kib,
          buffers: 2
        }),
        yield* Nginx.startFileServer(origin, workDirectory, true)
      ]
      return yield* compareServers({
        title: `hit, 20 KiB, ${connections} connection${connections === 1 ? "" : "s"}`,
        unit: "requests/s",
        lessIsBetter: false,
        rounds: workload.rounds,
        servers,
        measureRound: (server) => Rounds.requestRate(server, fixture, connections),
        notes: ["wrk, one thread; times of whole requests"]
      })
    })
  )
