import { Console, Effect } from "effect"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { cpus, loadavg, release, totalmem } from "node:os"
import { join } from "node:path"
import { verdicts } from "./Bars.ts"
import * as Bed from "./servers/Bed.ts"
import { chart } from "./report/Chart.ts"
import * as Crowds from "./cases/Crowds.ts"
import * as Decision from "./cases/Decision.ts"
import * as Forms from "./cases/Forms.ts"
import * as Hits from "./cases/Hits.ts"
import * as Idle from "./cases/Idle.ts"
import * as Misses from "./cases/Misses.ts"
import * as SlowReaders from "./cases/SlowReaders.ts"
import * as Tracing from "./cases/Tracing.ts"
import type { Comparison, Report, Verdict } from "./report/Report.ts"
import * as Secure from "./cases/Secure.ts"
import { comparisonTable, figure, verdictTable } from "./report/Table.ts"

const load = (): string => loadavg().map(figure).join(" ")

const machine = (): Record<string, string> => ({
  cpu: `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}`,
  memory: `${(totalmem() / 1024 ** 3).toFixed(0)} GiB`,
  kernel: release(),
  os: /PRETTY_NAME="(.*)"/.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "unknown",
  node: process.version,
  "load average at start": load()
})

/** Measures everything, says so as it goes, writes the report to `out` and returns it. */
export const run = (options: {
  readonly extent: Bed.Extent
  readonly only: RegExp
  readonly out: string
  /** The executable of another build, to compare with. */
  readonly against: string | undefined
}): Effect.Effect<Report, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const about = machine()
      yield* Console.log(
        Object.entries(about)
          .map(([name, value]) => `${name}: ${value}`)
          .join("\n")
      )
      const comparesSecure = ["secure-large", "secure-small"].some((name) => options.only.test(name))
      const bed = yield* Bed.make(options.extent, {
        rbacProxy: comparesSecure,
        image: options.only.test("start"),
        against: options.against
      })
      yield* Console.log([`working in ${bed.work}`, ...bed.missing, ""].join("\n"))
      const { huge, large } = bed.blobs

      const comparisons: Record<string, Effect.Effect<Comparison, Error>> = {
        "hit-large": Hits.large(bed),
        "secure-large": Secure.large(bed),
        "miss-large": Misses.single(bed, large),
        ...(huge === undefined ? {} : { "miss-huge": Misses.single(bed, huge) }),
        "miss-limited": Misses.limited(bed),
        "miss-concurrent": Misses.concurrent(bed, 8),
        "traced-large": Tracing.large(bed),
        "traced-miss": Tracing.miss(bed),
        ...(bed.has("wrk")
          ? {
              "traced-small": Tracing.small(bed),
              "hit-small-1": Hits.small(bed, 1),
              "hit-small-32": Hits.small(bed, 32),
              "secure-small": Secure.small(bed, 32)
            }
          : {})
      }
      const checks: Record<string, Effect.Effect<ReadonlyArray<Verdict>, Error>> = {
        decision: Decision.cached(options.extent.rounds),
        "crowd-misses": Crowds.misses(bed),
        "crowd-hits": Crowds.thousand(bed),
        "slow-readers": SlowReaders.slowReaders(bed),
        start: Forms.start(bed),
        "traced-idle": Tracing.idle(bed),
        served: Idle.afterServing(bed)
      }
      const chosen = <A>(all: Record<string, A>): ReadonlyArray<A> =>
        Object.entries(all).flatMap(([name, one]) => (options.only.test(name) ? [one] : []))

      const compared = yield* Effect.forEach(chosen(comparisons), (comparison) =>
        Effect.tap(comparison, (done) => Console.log(`${comparisonTable(done)}\n`))
      )
      const checked = (yield* Effect.forEach(chosen(checks), (check) => check)).flat()
      const report: Report = {
        machine: { ...about, "load average at end": load() },
        missing: bed.missing,
        comparisons: compared,
        verdicts: [...verdicts(compared), ...checked]
      }
      mkdirSync(options.out, { recursive: true })
      writeFileSync(join(options.out, "bench.json"), `${JSON.stringify(report, undefined, 2)}\n`)
      writeFileSync(join(options.out, "bench.svg"), chart(compared))
      yield* Console.log(verdictTable(report))
      yield* Console.log(`\nload average at end: ${load()}\nbench.json and bench.svg are in ${options.out}`)
      return report
    })
  )
