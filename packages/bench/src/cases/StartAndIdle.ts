import { Console, Effect, type Scope } from "effect"
import { request } from "node:http"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import type { Fixture } from "../servers/Fixture.ts"
import { anonymousMiB, residentMiB } from "../servers/ProcessTree.ts"
import type { Verdict } from "../report/Report.ts"
import * as ProxyProgram from "../servers/ProxyProgram.ts"
import { median, spread } from "../report/Statistics.ts"
import { alignColumns, formatFigure } from "../report/Table.ts"

const isHealthy = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = request({ host: "127.0.0.1", port, path: "/healthz", agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    probe.on("error", () => resolve(false))
    probe.end()
  })

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null

/** The measurements of one start of registry-packages-proxy. */
export interface StartMeasurement {
  /** Seconds from the start of the process until /healthz returns 200 for the first time. */
  readonly seconds: number
  readonly anonymousMiB: number
  readonly residentMiB: number
}

/**
 * Starts registry-packages-proxy and measures the time until /healthz returns 200. Then waits for
 * `workload.idleSeconds` and measures the memory of the process. Fails if the process ends before /healthz returns 200.
 * Stops the process when the scope ends.
 */
export const startOnce = (
  fixture: Fixture,
  options: {
    readonly name: string
    readonly form?: ProxyProgram.ShippedForm
    readonly executable?: string
    /** The complete environment of the process. By default, the process inherits the benchmark's environment. */
    readonly env?: Readonly<Record<string, string>>
  }
): Effect.Effect<StartMeasurement, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const { args, command, port } = yield* ProxyProgram.prepareLaunch({
      ...options,
      workDirectory: fixture.workDirectory,
      hosts: [fixture.origin.host],
      imageRoot: options.form === "image" && "root" in fixture.image ? fixture.image.root : undefined
    })
    const began = performance.now()
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(command, args, {
          stdio: ["ignore", "ignore", "inherit"],
          ...(options.env === undefined ? {} : { env: options.env })
        })
      ),
      (child) =>
        Effect.promise(async () => {
          if (hasEnded(child)) return
          child.kill()
          await once(child, "exit")
        })
    )
    const seconds = yield* Effect.tryPromise({
      try: async () => {
        while (!(await isHealthy(port))) {
          if (hasEnded(child)) throw new Error(`${command} ${args.join(" ")} ended before /healthz responded`)
          await new Promise((resolve) => setTimeout(resolve, 2))
        }
        return (performance.now() - began) / 1000
      },
      catch: (cause) => (cause instanceof Error ? cause : new Error(String(cause)))
    })
    yield* Effect.sleep(fixture.workload.idleSeconds * 1000)
    const pid = child.pid ?? 0
    return { seconds, anonymousMiB: anonymousMiB(pid), residentMiB: residentMiB(pid) }
  })

interface FormRun extends StartMeasurement {
  readonly form: ProxyProgram.ShippedForm
}

const table = (runs: ReadonlyArray<FormRun>, forms: ReadonlyArray<ProxyProgram.ShippedForm>): string =>
  alignColumns([
    ["start and idle memory", "start s", "min", "max", "anonymous MiB", "file-backed", "resident"],
    ...forms.map((form) => {
      const own = runs.filter((run) => run.form === form)
      const seconds = spread(own.map(({ seconds }) => seconds))
      const memory = [
        own.map(({ anonymousMiB }) => anonymousMiB),
        own.map(({ anonymousMiB, residentMiB }) => residentMiB - anonymousMiB),
        own.map(({ residentMiB }) => residentMiB)
      ]
      return [
        `  ${form}`,
        ...[seconds.median, seconds.min, seconds.max, ...memory.map(median)].map(formatFigure)
      ]
    })
  ])

/**
 * Measures start time and idle memory of registry-packages-proxy as script, as executable and in its image. Skips the
 * image if it could not be built. The verdicts are for the executable only.
 */
export const start = (fixture: Fixture): Effect.Effect<ReadonlyArray<Verdict>, Error> =>
  Effect.gen(function* () {
    const forms = ProxyProgram.shippedForms.filter((form) => form !== "image" || "root" in fixture.image)
    const rounds = Array.from({ length: fixture.workload.rounds }, (_, index) => index)
    const runs = yield* Effect.forEach(
      rounds.flatMap((index) => forms.map((form) => ({ form, index }))),
      ({ form, index }) =>
        Effect.map(Effect.scoped(startOnce(fixture, { name: `start-${form}-${index}`, form })), (run) => ({
          ...run,
          form
        }))
    )
    yield* Console.log(`${table(runs, forms)}\n`)
    const executable = runs.filter(({ form }) => form === "executable")
    const verdict = (what: string, values: ReadonlyArray<number>, atMost: number, unit: string): Verdict => {
      const { max, median, min } = spread(values)
      const measured = `${formatFigure(median)} (${formatFigure(min)} to ${formatFigure(max)}) ${unit}`
      return { what, target: `<= ${atMost} ${unit}`, measured, met: median <= atMost }
    }
    return [
      verdict(
        "executable: start to /healthz 200",
        executable.map(({ seconds }) => seconds),
        0.2,
        "s"
      ),
      verdict(
        "the same: anonymous memory, idle",
        executable.map(({ anonymousMiB }) => anonymousMiB),
        30,
        "MiB"
      ),
      verdict(
        "the same: resident memory, idle",
        executable.map(({ residentMiB }) => residentMiB),
        112,
        "MiB"
      )
    ]
  })
