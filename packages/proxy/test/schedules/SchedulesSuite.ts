import { assert, describe, it } from "@effect/vitest"
import * as VirtualTime from "@registry-packages-proxy/testkit/machine/VirtualTime"
import { Cause, Config, Effect, Exit, Logger, Metric, Option, References } from "effect"
import * as fc from "fast-check"
import { run } from "./Run.ts"
import { type Schedule, schedule } from "./Step.ts"
import { services } from "./World.ts"

/**
 * Limits for one schedule in milliseconds, checked every `every` ms. A schedule fails after `cpu` ms of CPU time or
 * `real` ms of real time. Most schedules need 100 ms.
 */
const watchdog = { cpu: 30_000, real: 300_000, every: 1000 }

/** The number of schedules after which the test prints its progress. */
const reportEvery = 1000

// This number is low enough to run with the other tests. CI runs more.
const defaultRuns = 300

const settings = Config.all({
  runs: Config.Int("SCHEDULES_RUNS").pipe(Config.withDefault(defaultRuns)),
  seed: Config.option(Config.Int("SCHEDULES_SEED")),
  path: Config.String("SCHEDULES_PATH").pipe(Config.withDefault(""))
})

/** Runs a schedule in a new `World`. Rejects if the schedule fails or hangs, or if a fiber is left running. */
const check = async (schedule: Schedule): Promise<void> => {
  let active = 0
  const program = run(schedule).pipe(
    Effect.scoped,
    Effect.provide([services, VirtualTime.layer, Logger.layer([])]),
    Effect.provideService(Metric.FiberRuntimeMetrics, {
      recordFiberStart: () => void active++,
      recordFiberEnd: () => void active--
    }),
    schedule.yields === undefined
      ? (effect) => effect
      : Effect.provideService(References.MaxOpsBeforeYield, schedule.yields)
  )
  const timeout = new AbortController()
  const cpuBefore = process.cpuUsage()
  const began = performance.now()
  const timer = setInterval(() => {
    const { system, user } = process.cpuUsage(cpuBefore)
    if ((system + user) / 1000 > watchdog.cpu || performance.now() - began > watchdog.real) timeout.abort()
  }, watchdog.every)
  const exit = await Effect.runPromiseExit(program, { signal: timeout.signal })
  clearInterval(timer)
  if (timeout.signal.aborted) throw new Error("the schedule hangs in real time")
  if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
  if (active > 0) throw new Error(`${active} fibers are left`)
}

/**
 * Declares the test that runs random schedules. The schedules are divided equally among `parts` test files, which run
 * in parallel.
 */
export const suite = (parts: number): void => {
  const { path, seed, ...asked } = Effect.runSync(settings)
  const runs = Math.ceil(asked.runs / parts)
  describe("the whole program under random faults", () => {
    it(
      "keeps its promises",
      async () => {
        const chosen = Option.getOrElse(seed, () => Math.floor(Math.random() * 0x7fffffff))
        process.stdout.write(`schedules: ${runs} from seed ${chosen}\n`)
        const began = performance.now()
        let checked = 0
        const property = fc.asyncProperty(schedule, async (schedule) => {
          await check(schedule)
          if (++checked % reportEvery === 0) process.stdout.write(`schedules: ${checked}\n`)
        })
        const result = await fc.check(property, {
          numRuns: runs,
          seed: chosen,
          path
        })
        const seconds = (performance.now() - began) / 1000
        process.stdout.write(`schedules: ${result.numRuns} in ${seconds.toFixed(1)} s\n`)
        if (result.failed) {
          assert.fail(
            `Reproduce with SCHEDULES_SEED=${chosen} SCHEDULES_PATH=${result.counterexamplePath} SCHEDULES_RUNS=1:\n` +
              `${JSON.stringify(result.counterexample, undefined, 1)}\n${String(result.errorInstance)}`
          )
        }
      },
      Math.max(600_000, runs * 1000)
    )
  })
}
