import { Console, Effect } from "effect"
import { join } from "node:path"
import { type Fixture, mebibyte } from "../servers/Fixture.ts"
import * as ClientProgram from "../clients/ClientProgram.ts"
import { download } from "../clients/Download.ts"
import type { SlowReadersOutcome } from "../clients/SlowReadersClient.ts"
import { type RegistryPackage, makePackage } from "../servers/RegistryPackage.ts"
import { cpuSeconds, resetPeak, peakMiB } from "../servers/ProcessTree.ts"
import type { Verdict } from "../report/Report.ts"
import * as ProxyProgram from "../servers/ProxyProgram.ts"
import { median } from "../report/Statistics.ts"
import { formatFigure } from "../report/Table.ts"

type Measured = SlowReadersOutcome & { readonly cpu: number }

const fast = 50
const slow = 20

const clients = (
  url: string,
  slowOnes: number,
  wanted: RegistryPackage
): Effect.Effect<SlowReadersOutcome, Error> =>
  ClientProgram.runClientProgram("SlowReadersClient.ts", [url, fast, slowOnes, wanted.size])

/**
 * Compares the time in which 50 clients download one package that is not cached, without and with 20 slow clients. The
 * slow clients download the package at the same time, each at 64 KiB/s.
 */
export const slowReaders = ({
  packages,
  workload,
  origin,
  workDirectory
}: Fixture): Effect.Effect<ReadonlyArray<Verdict>, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const wanted = makePackage(join(workDirectory, "origin"), workload.slowReadersBytes)
      const server = yield* ProxyProgram.start({ name: "slow-readers", workDirectory, host: origin.host })
      yield* download(server.url(packages.crowd))
      const measure = (slowOnes: number) =>
        Effect.gen(function* () {
          yield* server.emptyCache
          const before = cpuSeconds(server.pid)
          const outcome = yield* clients(server.url(wanted), slowOnes, wanted)
          return { ...outcome, cpu: cpuSeconds(server.pid) - before }
        })
      const rounds: Array<{ readonly alone: Measured; readonly beside: Measured; readonly peak: number }> = []
      for (let round = 0; round < workload.slowReadersRounds; round++) {
        const alone = yield* measure(0)
        resetPeak(server.pid)
        const beside = yield* measure(slow)
        const peak = peakMiB(server.pid)
        yield* Console.log(
          `with slow readers: ${formatFigure(beside.last)} s, ${formatFigure(beside.cpu)} of CPU; ` +
            `without: ${formatFigure(alone.last)} s, ${formatFigure(alone.cpu)} of CPU; ${formatFigure(peak)} MiB`
        )
        rounds.push({ alone, beside, peak })
      }
      const of = (which: "alone" | "beside", what: "last" | "cpu") =>
        median(rounds.map((round) => round[which][what]))
      const failures = rounds.flatMap(({ alone, beside }) => [...alone.failures, ...beside.failures])
      const peak = Math.max(...rounds.map((round) => round.peak))
      const had = rounds.map(
        ({ beside }) =>
          `${formatFigure(beside.minSlowBytes / mebibyte)}-${formatFigure(beside.maxSlowBytes / mebibyte)}`
      )
      return [
        {
          what: `${fast} clients of one ${workload.slowReadersBytes / mebibyte} MiB miss, beside ${slow} that read 64 KiB/s`,
          target: "<= 1.15x the time without them",
          measured:
            `${formatFigure(of("beside", "last") / of("alone", "last"))}x: ${formatFigure(of("beside", "last"))} s against ` +
            `${formatFigure(of("alone", "last"))} s (CPU ${formatFigure(of("beside", "cpu") / of("alone", "cpu"))}x); ` +
            `the slow ones received ${had.join(", ")} MiB; ${failures.length} failures` +
            (failures.length > 0 ? ` (${failures[0]})` : ""),
          met: failures.length === 0 && of("beside", "last") <= 1.15 * of("alone", "last")
        },
        {
          what: "the same: resident memory",
          target: "< 200 MiB",
          measured: `${formatFigure(peak)} MiB`,
          met: peak < 200
        }
      ]
    })
  )
