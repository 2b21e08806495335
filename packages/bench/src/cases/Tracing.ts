import { Effect, type Scope } from "effect"
import { createServer } from "node:http"
import type { Bed } from "../servers/Bed.ts"
import { compare, type Sample } from "./Compare.ts"
import * as Forms from "./Forms.ts"
import { cold } from "./Misses.ts"
import type { Comparison, Verdict } from "../report/Report.ts"
import * as Rounds from "./Rounds.ts"
import type { Server } from "../servers/Server.ts"
import * as Servers from "../servers/Servers.ts"
import { median } from "../report/Statistics.ts"
import { figure } from "../report/Table.ts"

/** A collector that takes everything, and its address. */
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

/** The program as it was before, where one is given, with tracing off, and with every request traced. */
const servers = Effect.fnUntraced(function* (bed: Bed, name: string) {
  const { against, origin, work } = bed
  const program = (
    subject: string,
    options: { readonly env?: Record<string, string>; readonly executable?: string }
  ) =>
    Effect.map(
      Servers.program({
        name: `${name}-${subject.replaceAll(/\W/g, "-")}`,
        work,
        host: origin.host,
        ...options
      }),
      (server): Server => ({ ...server, name: subject })
    )
  const off = yield* program("tracing off", {})
  const on = yield* program("every request traced", {
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: yield* collector }
  })
  return against === undefined
    ? [off, on]
    : [yield* program("the build before", { executable: against }), off, on]
})

const notes = [
  "the first row is what the ratios are to; the collector is in the benchmark's own process and takes everything"
]

const comparisonOf = (
  bed: Bed,
  name: string,
  about: { readonly title: string; readonly unit: string; readonly lessIsBetter?: boolean },
  round: (server: Server) => Effect.Effect<Sample, Error>
): Effect.Effect<Comparison, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      return yield* compare({
        lessIsBetter: false,
        ...about,
        rounds: Math.max(10, bed.extent.rounds),
        servers: yield* servers(bed, name),
        round,
        notes
      })
    })
  )

/** Small packages, as fast as they are answered. */
export const small = (bed: Bed): Effect.Effect<Comparison, Error> =>
  comparisonOf(
    bed,
    "traced-small",
    { title: "traced: hit, 20 KiB, 32 connections", unit: "requests/s" },
    (server) => Rounds.requests(server, bed, 32)
  )

/** A large package from the cache, one client. */
export const large = (bed: Bed): Effect.Effect<Comparison, Error> =>
  comparisonOf(bed, "traced-large", { title: "traced: hit, large, one client", unit: "GB/s" }, (server) =>
    Rounds.throughput(server, bed)
  )

/** A package that nobody has asked for before. */
export const miss = (bed: Bed): Effect.Effect<Comparison, Error> =>
  comparisonOf(
    bed,
    "traced-miss",
    { title: "traced: cold miss, large", unit: "s", lessIsBetter: true },
    (server) => cold(server, bed.blobs.large, 1)
  )

/** Memory of the idle program, in turns: before, off, on. */
export const idle = (bed: Bed): Effect.Effect<ReadonlyArray<Verdict>, Error> =>
  Effect.scoped(
    Effect.gen(function* () {
      const endpoint = yield* collector
      const forms = {
        ...(bed.against === undefined ? {} : { before: { executable: bed.against } }),
        off: {},
        on: { env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } }
      }
      const anonymous: Record<string, Array<number>> = {}
      for (let index = 0; index < bed.extent.rounds; index++) {
        for (const [form, options] of Object.entries(forms)) {
          const run = yield* Effect.scoped(
            Forms.startOnce(bed, { name: `traced-idle-${form}-${index}`, ...options })
          )
          anonymous[form] = [...(anonymous[form] ?? []), run.anonymous]
        }
      }
      const medians = Object.entries(anonymous).map(([form, values]) => [form, median(values)] as const)
      const of = (form: string) => medians.find(([name]) => name === form)?.[1] ?? Number.NaN
      const grown = of("off") - of("before")
      return [
        {
          what: "anonymous memory, idle, telemetry off",
          bar: "the build before and 0.5 MiB",
          measured: medians.map(([form, value]) => `${form} ${figure(value)} MiB`).join(", "),
          met: bed.against === undefined || grown <= 0.5
        }
      ]
    })
  )
