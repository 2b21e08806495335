import { Console, Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import type { Fixture } from "../servers/Fixture.ts"
import { compareServers } from "./CompareServers.ts"
import * as ConcurrentClients from "./ConcurrentClients.ts"
import { download } from "../clients/Download.ts"
import * as StartAndIdle from "./StartAndIdle.ts"
import { anonymousMiB } from "../servers/ProcessTree.ts"
import * as Rounds from "./Rounds.ts"
import * as SecureHits from "./SecureHits.ts"
import type { MeasuredServer } from "../servers/MeasuredServer.ts"
import * as Peers from "../servers/Peers.ts"
import * as ProxyProgram from "../servers/ProxyProgram.ts"
import { median } from "../report/Statistics.ts"
import { alignColumns, comparisonTable, formatFigure } from "../report/Table.ts"

/** Paths of the executables to compare, by name. The executables differ only in their V8 and Node flags. */
export type Variants = Readonly<Record<string, string>>

interface Measured {
  readonly variant: string
  readonly values: ReadonlyArray<number>
}

/** Calls `measure` once per round for each variant. Returns the medians over all rounds for each variant. */
const inTurns = (
  fixture: Fixture,
  variants: Variants,
  measure: (executable: string, name: string) => Effect.Effect<ReadonlyArray<number>, Error, Scope.Scope>
): Effect.Effect<ReadonlyArray<Measured>, Error> =>
  Effect.gen(function* () {
    const names = Object.entries(variants)
    const rounds = Array.from({ length: fixture.workload.rounds }, (_, index) => index)
    const all = yield* Effect.forEach(
      rounds.flatMap((index) => names.map(([variant, executable]) => ({ index, variant, executable }))),
      ({ executable, index, variant }) =>
        Effect.map(Effect.scoped(measure(executable, `${variant}-${index}`)), (values) => ({
          variant,
          values
        }))
    )
    return names.map(([variant]) => {
      const own = all.filter((one) => one.variant === variant).map(({ values }) => values)
      return {
        variant,
        values: (own[0] ?? []).map((_, column) => median(own.map((row) => row[column] ?? 0)))
      }
    })
  })

/** Starts `count` processes that each keep one CPU busy. They are killed when the scope ends. */
const busy = (count: number): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() =>
        Array.from({ length: count }, () => spawn("sh", ["-c", "while :; do :; done"], { stdio: "ignore" }))
      ),
      (children) => Effect.sync(() => children.forEach((child) => child.kill("SIGKILL")))
    )
  )

const table = (title: string, columns: ReadonlyArray<string>, rows: ReadonlyArray<Measured>): string =>
  `${alignColumns([[title, ...columns], ...rows.map(({ values, variant }) => [`  ${variant}`, ...values.map(formatFigure)])])}\n`

const idle = (fixture: Fixture, variants: Variants): Effect.Effect<string, Error> =>
  inTurns(fixture, variants, (executable, name) =>
    Effect.map(StartAndIdle.startOnce(fixture, { name: `sweep-${name}`, executable }), (run) => [
      run.seconds,
      run.anonymousMiB,
      run.residentMiB
    ])
  ).pipe(Effect.map((rows) => table("idle", ["start s", "anonymous MiB", "resident MiB"], rows)))

const crowd = (fixture: Fixture, variants: Variants): Effect.Effect<string, Error> =>
  inTurns(fixture, variants, (executable, name) =>
    Effect.gen(function* () {
      const { origin, workDirectory } = fixture
      const server = yield* ProxyProgram.start({
        name: `crowd-${name}`,
        workDirectory,
        host: origin.host,
        executable
      })
      const { growth, outcome } = yield* ConcurrentClients.memoryGrowth(fixture, server)
      return [growth, outcome.seconds]
    })
  ).pipe(Effect.map((rows) => table("100 clients, one miss of 64 MiB", ["growth MiB", "s"], rows)))

const served = (fixture: Fixture, variants: Variants): Effect.Effect<string, Error> => {
  const { packages, workload, origin, workDirectory } = fixture
  return inTurns(fixture, variants, (executable, name) =>
    Effect.gen(function* () {
      const server = yield* ProxyProgram.start({
        name: `served-${name}`,
        workDirectory,
        host: origin.host,
        executable
      })
      for (let pull = 0; pull < 4; pull++) {
        yield* server.emptyCache
        yield* download(server.url(packages.large))
      }
      const pulled = anonymousMiB(server.pid)
      yield* download(server.url(packages.large), Math.ceil(workload.servedBytes / packages.large.size))
      yield* Effect.sleep(workload.idleSeconds * 1000)
      return [pulled, anonymousMiB(server.pid)]
    })
  ).pipe(
    Effect.map((rows) => {
      const gigabytes = formatFigure(workload.servedBytes / 1e9)
      return table("anonymous MiB", ["after four pulls", `and ${gigabytes} GB of hits`], rows)
    })
  )
}

/** Starts one server for each variant. The server has the name of its variant. */
const serversOf = <E, R>(
  variants: Variants,
  start: (variant: string, executable: string) => Effect.Effect<MeasuredServer, E, R>
) =>
  Effect.forEach(Object.entries(variants), ([variant, executable]) =>
    Effect.map(start(variant, executable), (server): MeasuredServer => ({ ...server, name: variant }))
  )

/**
 * Compares the HTTPS requests per second of the variants. All requests are for one small cached package. Meanwhile,
 * `processes` other processes keep CPUs busy. Returns a text table, which also has a row for a minimal Node server.
 */
const small = (fixture: Fixture, variants: Variants, processes: number): Effect.Effect<string, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { packages, workload, workDirectory } = fixture
      const tls = yield* SecureHits.makeTlsPair(workDirectory)
      const servers = yield* serversOf(variants, (variant, executable) =>
        SecureHits.startProgram(fixture, `secure-${processes}-${variant}`, tls, executable)
      )
      const bare = yield* Peers.bareNode({
        packages: [packages.small],
        workDirectory,
        bufferSize: 512 * 1024,
        buffers: 2,
        tls
      })
      yield* busy(processes)
      const compared = yield* compareServers({
        title: `HTTPS hit, 20 KiB, 32 connections, beside ${processes} busy processes`,
        unit: "requests/s",
        lessIsBetter: false,
        rounds: workload.rounds,
        servers: [...servers, bare],
        measureRound: (server) => Rounds.requestRate(server, fixture, 32)
      })
      return `${comparisonTable(compared)}\n`
    })
  )

const miss = (fixture: Fixture, variants: Variants): Effect.Effect<string, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { packages, workload, origin, workDirectory } = fixture
      const servers = yield* serversOf(variants, (variant, executable) =>
        ProxyProgram.start({ name: `miss-${variant}`, workDirectory, host: origin.host, executable })
      )
      const compared = yield* compareServers({
        title: "cold miss, one client",
        unit: "s",
        lessIsBetter: true,
        rounds: workload.rounds,
        servers,
        measureRound: (server) =>
          Effect.map(
            Effect.andThen(server.emptyCache, download(server.url(packages.large))),
            ([{ bytes, firstByteSeconds, seconds } = { bytes: 0, firstByteSeconds: 0, seconds: 0 }]) => ({
              value: seconds,
              bytes,
              firstByte: { p50: firstByteSeconds, p99: firstByteSeconds }
            })
          )
      })
      return `${comparisonTable(compared)}\n`
    })
  )

const measures: Readonly<
  Record<string, (fixture: Fixture, variants: Variants) => Effect.Effect<string, Error>>
> = {
  idle,
  crowd,
  served,
  "small-0": (fixture, variants) => small(fixture, variants, 0),
  "small-4": (fixture, variants) => small(fixture, variants, 4),
  miss
}

/**
 * Runs each measurement whose name matches `only`. Prints a table for each of these measurements, with a row for each
 * variant. Examples of names: `idle`, `miss`.
 */
export const run = (fixture: Fixture, variants: Variants, only: RegExp): Effect.Effect<void, Error> =>
  Effect.forEach(
    Object.entries(measures).filter(([name]) => only.test(name)),
    ([, measure]) => Effect.flatMap(measure(fixture, variants), (text) => Console.log(text)),
    { discard: true }
  )
