import { Console, Effect } from "effect"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { cpus, loadavg, release, totalmem } from "node:os"
import { join } from "node:path"
import { verdicts } from "./Targets.ts"
import * as Fixture from "./servers/Fixture.ts"
import { type BenchCase, checks, comparisons } from "./Cases.ts"
import { renderChart } from "./report/Chart.ts"
import type { Report } from "./report/Report.ts"
import { comparisonTable, formatFigure, verdictTable } from "./report/Table.ts"

const load = (): string => loadavg().map(formatFigure).join(" ")

const machine = (): Record<string, string> => ({
  cpu: `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}`,
  memory: `${(totalmem() / 1024 ** 3).toFixed(0)} GiB`,
  kernel: release(),
  os: /PRETTY_NAME="(.*)"/.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "unknown",
  node: process.version,
  "load average at start": load()
})

/**
 * Runs the benchmark cases whose names match `only`, and prints their results. Returns the report. Also writes the
 * report and a chart into the directory `out`. Fails if nginx or curl is missing, or if a case fails.
 */
export const run = (options: {
  readonly workload: Fixture.Workload
  readonly only: RegExp
  readonly out: string
  /** The path of another build's executable, or undefined. The cases `traced-*` compare it with this build. */
  readonly otherExecutable: string | undefined
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
      const fixture = yield* Fixture.make(options.workload, {
        rbacProxy: comparesSecure,
        image: options.only.test("start"),
        otherExecutable: options.otherExecutable
      })
      yield* Console.log([`working in ${fixture.workDirectory}`, ...fixture.missing, ""].join("\n"))
      const chosen = <A>(
        cases: Readonly<Record<string, BenchCase<A>>>
      ): ReadonlyArray<Effect.Effect<A, Error>> =>
        Object.entries(cases).flatMap(([name, { isPossible, run }]) =>
          options.only.test(name) && isPossible?.(fixture) !== false ? [run(fixture)] : []
        )

      const compared = yield* Effect.forEach(chosen(comparisons), (comparison) =>
        Effect.tap(comparison, (done) => Console.log(`${comparisonTable(done)}\n`))
      )
      const checked = (yield* Effect.forEach(chosen(checks), (check) => check)).flat()
      const report: Report = {
        machine: { ...about, "load average at end": load() },
        missing: fixture.missing,
        comparisons: compared,
        verdicts: [...verdicts(compared), ...checked]
      }
      mkdirSync(options.out, { recursive: true })
      writeFileSync(join(options.out, "bench.json"), `${JSON.stringify(report, undefined, 2)}\n`)
      writeFileSync(join(options.out, "bench.svg"), renderChart(compared))
      yield* Console.log(verdictTable(report))
      yield* Console.log(`\nload average at end: ${load()}\nbench.json and bench.svg are in ${options.out}`)
      return report
    })
  )
