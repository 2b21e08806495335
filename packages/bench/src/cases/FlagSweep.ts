import { Console, Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import type { Bed } from "../servers/Bed.ts"
import { compare } from "./Compare.ts"
import * as Crowds from "./Crowds.ts"
import { download } from "../clients/Download.ts"
import * as Forms from "./Forms.ts"
import { anonymousMiB } from "../servers/ProcessTree.ts"
import * as Rounds from "./Rounds.ts"
import * as Secure from "./Secure.ts"
import type { Server } from "../servers/Server.ts"
import * as Servers from "../servers/Servers.ts"
import { median } from "../report/Statistics.ts"
import { align, comparisonTable, figure } from "../report/Table.ts"

/** Executables of one program with other flags, by a name for the flags. */
export type Variants = Readonly<Record<string, string>>

interface Measured {
  readonly variant: string
  readonly values: ReadonlyArray<number>
}

/** Measures each variant once a round, in turns; the medians of each. */
const inTurns = (
  bed: Bed,
  variants: Variants,
  measure: (executable: string, name: string) => Effect.Effect<ReadonlyArray<number>, Error, Scope.Scope>
): Effect.Effect<ReadonlyArray<Measured>, Error> =>
  Effect.gen(function* () {
    const names = Object.entries(variants)
    const rounds = Array.from({ length: bed.extent.rounds }, (_, index) => index)
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

/** Processes that compute and do nothing else, until the scope ends. */
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
  `${align([[title, ...columns], ...rows.map(({ values, variant }) => [`  ${variant}`, ...values.map(figure)])])}\n`

const idle = (bed: Bed, variants: Variants): Effect.Effect<string, Error> =>
  inTurns(bed, variants, (executable, name) =>
    Effect.map(Forms.startOnce(bed, { name: `sweep-${name}`, executable }), (run) => [
      run.seconds,
      run.anonymous,
      run.resident
    ])
  ).pipe(Effect.map((rows) => table("idle", ["start s", "anonymous MiB", "resident MiB"], rows)))

const crowd = (bed: Bed, variants: Variants): Effect.Effect<string, Error> =>
  inTurns(bed, variants, (executable, name) =>
    Effect.gen(function* () {
      const { origin, work } = bed
      const server = yield* Servers.program({ name: `crowd-${name}`, work, host: origin.host, executable })
      const { growth, outcome } = yield* Crowds.growth(bed, server)
      return [growth, outcome.seconds]
    })
  ).pipe(Effect.map((rows) => table("100 clients, one miss of 64 MiB", ["growth MiB", "s"], rows)))

const served = (bed: Bed, variants: Variants): Effect.Effect<string, Error> => {
  const { blobs, extent, origin, work } = bed
  return inTurns(bed, variants, (executable, name) =>
    Effect.gen(function* () {
      const server = yield* Servers.program({ name: `served-${name}`, work, host: origin.host, executable })
      for (let pull = 0; pull < 4; pull++) {
        yield* server.empty
        yield* download(server.url(blobs.large))
      }
      const pulled = anonymousMiB(server.pid)
      yield* download(server.url(blobs.large), Math.ceil(extent.served / blobs.large.size))
      yield* Effect.sleep(extent.idleSeconds * 1000)
      return [pulled, anonymousMiB(server.pid)]
    })
  ).pipe(
    Effect.map((rows) => {
      const gigabytes = figure(extent.served / 1e9)
      return table("anonymous MiB", ["after four pulls", `and ${gigabytes} GB of hits`], rows)
    })
  )
}

/** One server a variant, called so. */
const serversOf = <E, R>(
  variants: Variants,
  start: (variant: string, executable: string) => Effect.Effect<Server, E, R>
) =>
  Effect.forEach(Object.entries(variants), ([variant, executable]) =>
    Effect.map(start(variant, executable), (server): Server => ({ ...server, name: variant }))
  )

/** Hits of 20 KiB over HTTPS, on a machine of its own and beside so many processes that compute. */
const small = (bed: Bed, variants: Variants, processes: number): Effect.Effect<string, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { blobs, extent, work } = bed
      const tls = yield* Secure.makePair(work)
      const servers = yield* serversOf(variants, (variant, executable) =>
        Secure.program(bed, `secure-${processes}-${variant}`, tls, executable)
      )
      const bare = yield* Servers.bareNode({
        blobs: [blobs.small],
        work,
        bufferSize: 512 * 1024,
        buffers: 2,
        tls
      })
      yield* busy(processes)
      const compared = yield* compare({
        title: `HTTPS hit, 20 KiB, 32 connections, beside ${processes} busy processes`,
        unit: "requests/s",
        lessIsBetter: false,
        rounds: extent.rounds,
        servers: [...servers, bare],
        round: (server) => Rounds.requests(server, bed, 32)
      })
      return `${comparisonTable(compared)}\n`
    })
  )

const miss = (bed: Bed, variants: Variants): Effect.Effect<string, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { blobs, extent, origin, work } = bed
      const servers = yield* serversOf(variants, (variant, executable) =>
        Servers.program({ name: `miss-${variant}`, work, host: origin.host, executable })
      )
      const compared = yield* compare({
        title: "cold miss, one client",
        unit: "s",
        lessIsBetter: true,
        rounds: extent.rounds,
        servers,
        round: (server) =>
          Effect.map(
            Effect.andThen(server.empty, download(server.url(blobs.large))),
            ([{ bytes, firstByte, seconds } = { bytes: 0, firstByte: 0, seconds: 0 }]) => ({
              value: seconds,
              bytes,
              firstBytes: [firstByte]
            })
          )
      })
      return `${comparisonTable(compared)}\n`
    })
  )

const measures: Readonly<Record<string, (bed: Bed, variants: Variants) => Effect.Effect<string, Error>>> = {
  idle,
  crowd,
  served,
  "small-0": (bed, variants) => small(bed, variants, 0),
  "small-4": (bed, variants) => small(bed, variants, 4),
  miss
}

/** Prints what each variant costs: idle, with 100 clients on one miss, after serving a lot, for small hits, for a pull. */
export const run = (bed: Bed, variants: Variants, only: RegExp): Effect.Effect<void, Error> =>
  Effect.forEach(
    Object.entries(measures).filter(([name]) => only.test(name)),
    ([, measure]) => Effect.flatMap(measure(bed, variants), (text) => Console.log(text)),
    { discard: true }
  )
