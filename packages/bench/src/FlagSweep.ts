import { Console, Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import type { Bed } from "./Bed.ts"
import { compare } from "./Compare.ts"
import * as Crowds from "./Crowds.ts"
import { download } from "./Download.ts"
import * as Forms from "./Forms.ts"
import { anonymousMiB } from "./ProcessTree.ts"
import * as Rounds from "./Rounds.ts"
import * as Secure from "./Secure.ts"
import type { Server } from "./Server.ts"
import * as Servers from "./Servers.ts"
import { median } from "./Statistics.ts"
import { align, comparisonTable, figure } from "./Table.ts"

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

/** What each variant costs: idle, pulling, with 100 clients on one miss, after serving a lot, and for small hits over HTTPS. */
export const run = (bed: Bed, variants: Variants): Effect.Effect<void, Error> =>
  Effect.gen(function* () {
    const { blobs, extent, origin, work } = bed
    const host = origin.host
    const idle = yield* inTurns(bed, variants, (executable, name) =>
      Effect.map(Forms.startOnce(bed, { name: `sweep-${name}`, executable }), (run) => [
        run.seconds,
        run.anonymous,
        run.resident
      ])
    )
    yield* Console.log(table("idle", ["start s", "anonymous MiB", "resident MiB"], idle))

    const crowd = yield* inTurns(bed, variants, (executable, name) =>
      Effect.gen(function* () {
        const server = yield* Servers.program({ name: `crowd-${name}`, work, host, executable })
        const { growth, outcome } = yield* Crowds.growth(bed, server)
        return [growth, outcome.seconds]
      })
    )
    yield* Console.log(table("100 clients, one miss of 64 MiB", ["growth MiB", "s"], crowd))

    const served = yield* inTurns(bed, variants, (executable, name) =>
      Effect.gen(function* () {
        const server = yield* Servers.program({ name: `served-${name}`, work, host, executable })
        for (let pull = 0; pull < 4; pull++) {
          yield* server.empty
          yield* download(server.url(blobs.large))
        }
        const pulled = anonymousMiB(server.pid)
        yield* download(server.url(blobs.large), Math.ceil(extent.served / blobs.large.size))
        yield* Effect.sleep(extent.idleSeconds * 1000)
        return [pulled, anonymousMiB(server.pid)]
      })
    )
    const gigabytes = figure(extent.served / 1e9)
    yield* Console.log(table("anonymous MiB", ["after four pulls", `and ${gigabytes} GB of hits`], served))

    const named = <E, R>(variant: string, server: Effect.Effect<Server, E, R>) =>
      Effect.map(server, (server) => ({ ...server, name: variant }))
    yield* Effect.scoped(
      Effect.gen(function* () {
        const pair = yield* Secure.makePair(work)
        const servers = yield* Effect.forEach(Object.entries(variants), ([variant, executable]) =>
          named(variant, Secure.program(bed, `secure-${variant}`, pair, executable))
        )
        const bare = yield* Servers.bareNode({
          blobs: [blobs.small],
          work,
          bufferSize: 512 * 1024,
          buffers: 2,
          tls: pair
        })
        for (const processes of [0, 4]) {
          const small = yield* Effect.scoped(
            Effect.andThen(
              busy(processes),
              compare({
                title: `HTTPS hit, 20 KiB, 32 connections, beside ${processes} busy processes`,
                unit: "requests/s",
                lessIsBetter: false,
                rounds: extent.rounds,
                servers: [...servers, bare],
                round: (server) => Rounds.requests(server, bed, 32)
              })
            )
          )
          yield* Console.log(`${comparisonTable(small)}\n`)
        }
      })
    )
    yield* Effect.scoped(
      Effect.gen(function* () {
        const servers = yield* Effect.forEach(Object.entries(variants), ([variant, executable]) =>
          named(variant, Servers.program({ name: `miss-${variant}`, work, host, executable }))
        )
        const misses = yield* compare({
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
        yield* Console.log(`${comparisonTable(misses)}\n`)
      })
    )
  })
