import { Effect, type Scope } from "effect"
import { createServer } from "node:http"
import type { Fixture } from "../servers/Fixture.ts"
import { compareServers, type Sample } from "./CompareServers.ts"
import * as StartAndIdle from "./StartAndIdle.ts"
import { cold } from "./Misses.ts"
import type { Comparison, Verdict } from "../report/Report.ts"
import * as Rounds from "./Rounds.ts"
import type { MeasuredServer } from "../servers/MeasuredServer.ts"
import * as ProxyProgram from "../servers/ProxyProgram.ts"
import { median } from "../report/Statistics.ts"
import { formatFigure } from "../report/Table.ts"

/**
 * Starts an OpenTelemetry collector that accepts all exports, and returns its URL. The collector stops when the scope
 * ends.
 */
const collector: Effect.Effect<string, never, Scope.Scope> = Effect.gen(function* () {
  const server = createServer((request, response) => {
    request.resume()
    request.on("end", () => response.writeHead(200).end())
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )
  const address = server.address()
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
})

/**
 * The names of the compared servers. `other` is another build, `off` is this build without tracing, and `on` is this
 * build with every request traced.
 */
export const subjects = {
  other: "the other build",
  off: "tracing off",
  on: "every request traced"
} as const

/**
 * Starts the servers to compare. They are another build (if there is one), this build without tracing, and this build
 * with every request traced.
 */
const servers = Effect.fnUntraced(function* (fixture: Fixture, name: string) {
  const { otherExecutable, origin, workDirectory } = fixture
  const program = (
    subject: string,
    options: { readonly env?: Record<string, string>; readonly executable?: string }
  ) =>
    Effect.map(
      ProxyProgram.start({
        name: `${name}-${subject.replaceAll(/\W/g, "-")}`,
        workDirectory,
        host: origin.host,
        ...options
      }),
      (server): MeasuredServer => ({ ...server, name: subject })
    )
  const off = yield* program(subjects.off, {})
  const on = yield* program(subjects.on, {
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: yield* collector }
  })
  return otherExecutable === undefined
    ? [off, on]
    : [yield* program(subjects.other, { executable: otherExecutable }), off, on]
})

const notes = [
  "ratios are to the first row; the collector runs in the benchmark's process and accepts everything"
]

const comparisonOf = (
  fixture: Fixture,
  name: string,
  about: { readonly title: string; readonly unit: string; readonly lessIsBetter?: boolean },
  measureRound: (server: MeasuredServer) => Effect.Effect<Sample, Error>
): Effect.Effect<Comparison, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      return yield* compareServers({
        lessIsBetter: false,
        ...about,
        rounds: Math.max(10, fixture.workload.rounds),
        servers: yield* servers(fixture, name),
        measureRound,
        notes
      })
    })
  )

/**
 * Compares the requests per second of this build with and without tracing, and of another build if there is one. All
 * requests are for one small cached package.
 */
export const smallHits = (fixture: Fixture): Effect.Effect<Comparison, Error> =>
  comparisonOf(
    fixture,
    "traced-small",
    { title: "traced: hit, 20 KiB, 32 connections", unit: "requests/s" },
    (server) => Rounds.requestRate(server, fixture, 32)
  )

/**
 * Compares the throughput of this build with tracing and without tracing. Also measures another build if `fixture` has
 * an `otherExecutable`. Each server sends a large cached package to one client.
 */
export const largeHits = (fixture: Fixture): Effect.Effect<Comparison, Error> =>
  comparisonOf(fixture, "traced-large", { title: "traced: hit, large, one client", unit: "GB/s" }, (server) =>
    Rounds.throughput(server, fixture)
  )

/**
 * Compares the time in which one client downloads a large package that is not cached, with tracing and without tracing.
 * Also measures another build if `fixture` has an `otherExecutable`.
 */
export const largeMiss = (fixture: Fixture): Effect.Effect<Comparison, Error> =>
  comparisonOf(
    fixture,
    "traced-miss",
    { title: "traced: cold miss, large", unit: "s", lessIsBetter: true },
    (server) => cold(server, fixture.packages.large, 1)
  )

/**
 * Measures the idle memory of this build with tracing and without tracing. Also measures another build if `fixture` has
 * an `otherExecutable`. The target is met if this build without tracing needs at most 0.5 MiB more than the other
 * build, or if there is no other build.
 */
export const idle = (fixture: Fixture): Effect.Effect<ReadonlyArray<Verdict>, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const endpoint = yield* collector
      const forms = {
        ...(fixture.otherExecutable === undefined
          ? {}
          : { "other build": { executable: fixture.otherExecutable } }),
        off: {},
        on: { env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } }
      }
      const anonymous: Record<string, Array<number>> = {}
      for (let index = 0; index < fixture.workload.rounds; index++) {
        for (const [form, options] of Object.entries(forms)) {
          const run = yield* Effect.scoped(
            StartAndIdle.startOnce(fixture, { name: `traced-idle-${form}-${index}`, ...options })
          )
          anonymous[form] = [...(anonymous[form] ?? []), run.anonymousMiB]
        }
      }
      const medians = Object.entries(anonymous).map(([form, values]) => [form, median(values)] as const)
      const of = (form: string) => medians.find(([name]) => name === form)?.[1] ?? Number.NaN
      const grown = of("off") - of("other build")
      return [
        {
          what: "anonymous memory, idle, telemetry off",
          target: "<= the other build + 0.5 MiB",
          measured: medians.map(([form, value]) => `${form} ${formatFigure(value)} MiB`).join(", "),
          met: fixture.otherExecutable === undefined || grown <= 0.5
        }
      ]
    })
  )
