import { assert, describe, it } from "@effect/vitest"
import { Config, Effect, Option, type Scope } from "effect"
import * as fc from "fast-check"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Worker } from "node:worker_threads"

/** A parser or component that is tested with random inputs. */
export interface Target<A> {
  readonly name: string
  readonly input: fc.Arbitrary<A>
  /** Returns the size of an input in bytes. The limits for CPU time and memory grow linearly with the size. */
  readonly size: (input: A) => number
  /** Allowed CPU milliseconds per MiB of input. This is about ten times what an idle machine needs. */
  readonly millisPerMiB: number
  /** Makes the function that processes one input. The function's promise rejects if a check fails. */
  readonly make: Effect.Effect<(input: A) => Promise<void>, never, Scope.Scope>
}

const settings = Config.all({
  seconds: Config.option(Config.Int("FUZZ_SECONDS")),
  seed: Config.option(Config.Int("FUZZ_SEED")),
  path: Config.String("FUZZ_PATH").pipe(Config.withDefault(""))
})

/** The number of inputs per target if FUZZ_SECONDS is not set. */
const defaultRuns = 150

/**
 * Allowed CPU milliseconds per input, in addition to `millisPerMiB`. They are for garbage collection and compilation.
 */
const cpuMillis = 1500

/** Allowed heap growth per input in MiB, garbage included. The limit is `base`, plus `perMiB` for each MiB of input. */
const growthLimitMiB = { base: 64, perMiB: 1024 }

/**
 * Limit for memory leaks. The heap, without garbage, may grow by at most `maxMiB` MiB during a test. The test checks
 * the heap once per `interval` inputs. A test with fewer inputs does not check for leaks.
 */
const leakLimit = { interval: 500, maxMiB: 64 }

/**
 * Maximum number of seconds for one input. If an input takes longer, the process is killed, because a stuck process
 * cannot report its own failure.
 */
const silence = 90

/**
 * The source code of a worker thread. If an input hangs, the worker prints how to reproduce the hang, and kills the
 * process.
 */
const watchdog = `
const { parentPort, workerData: { progress, pid, silence, words } } = require("node:worker_threads")
const { writeSync } = require("node:fs")
let last = -1
let since = Date.now()
setInterval(() => {
  const now = Atomics.load(progress, 0)
  if (now !== last) [last, since] = [now, Date.now()]
  else if (Date.now() - since > silence * 1000) {
    writeSync(2, words + now + ": it hangs\\n")
    process.kill(pid, "SIGKILL")
  }
}, 1000)
`

const watched = (words: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const progress = new Int32Array(new SharedArrayBuffer(4))
      const workerData = { progress, pid: process.pid, silence, words }
      return { progress, worker: new Worker(watchdog, { eval: true, workerData }) }
    }),
    ({ worker }) => Effect.promise(() => worker.terminate())
  )

const mib = 1024 * 1024

const heapMiB = (): number => {
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / mib
}

// V8 applies --expose-gc only to contexts that are created later, so `gc` is called in a new context. V8 keeps objects
// that were read through weak references until the end of a turn of the event loop, so `gc` is called twice.
const collectGarbage = async (): Promise<void> => {
  setFlagsFromString("--expose-gc")
  await new Promise((resolve) => setImmediate(resolve))
  runInNewContext("gc()")
  await new Promise((resolve) => setImmediate(resolve))
  runInNewContext("gc()")
}

const cpuMillisSoFar = (): number => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) / 1000
}

const run = <A>(target: Target<A>) =>
  Effect.gen(function* () {
    const { path, seconds, seed } = yield* settings
    const chosen = Option.getOrElse(seed, () => Math.floor(Math.random() * 0x7fffffff))
    const again = `Reproduce with FUZZ_SEED=${chosen} -t '${target.name}' and FUZZ_PATH=`
    const { progress } = yield* watched(again)
    const check = yield* target.make
    yield* Effect.promise(collectGarbage)
    const heldBefore = heapMiB()
    let count = 0
    let slowest = { millis: 0, input: "" }
    const property = fc.asyncProperty(target.input, async (input) => {
      const size = target.size(input)
      const heapBefore = heapMiB()
      const before = cpuMillisSoFar()
      await check(input)
      const millis = cpuMillisSoFar() - before
      if (millis > slowest.millis) slowest = { millis, input: JSON.stringify(input).slice(0, 200) }
      if (millis > cpuMillis + (target.millisPerMiB * size) / mib) {
        throw new Error(`${millis.toFixed(0)} ms of CPU for ${size} bytes`)
      }
      const growth = heapMiB() - heapBefore
      if (growth > growthLimitMiB.base + (growthLimitMiB.perMiB * size) / mib) {
        throw new Error(`${growth.toFixed(0)} MiB for ${size} bytes`)
      }
      if (++count % leakLimit.interval === 0) {
        await collectGarbage()
        const grown = heapMiB() - heldBefore
        if (grown > leakLimit.maxMiB)
          throw new Error(`${grown.toFixed(0)} MiB are still in use after all inputs were processed`)
      }
      Atomics.store(progress, 0, count)
    })
    const began = performance.now()
    process.stdout.write(`fuzz ${target.name}: seed ${chosen}\n`)
    const result = yield* Effect.promise(() =>
      fc.check(property, {
        seed: chosen,
        path,
        ...Option.match(seconds, {
          onNone: () => ({ numRuns: path === "" ? defaultRuns : 1 }),
          onSome: (seconds) => ({ numRuns: 2 ** 31, interruptAfterTimeLimit: seconds * 1000 })
        })
      })
    )
    yield* Effect.promise(collectGarbage)
    process.stdout.write(
      `fuzz ${target.name}: ${count} inputs in ${((performance.now() - began) / 1000).toFixed(1)} s; ` +
        `${(heapMiB() - heldBefore).toFixed(0)} MiB more are held; the slowest took ` +
        `${slowest.millis.toFixed(0)} ms of CPU: ${slowest.input}\n`
    )
    if (result.failed && result.counterexample !== null) {
      const shown = JSON.stringify(result.counterexample)
      assert.fail(
        `${again}${result.counterexamplePath}:\n${shown.slice(0, 4000)}\n${String(result.errorInstance)}`
      )
    }
    assert.isAbove(count, 0)
  })

/**
 * Declares a test for each target. If FUZZ_SECONDS is set, each test lasts this number of seconds. Otherwise, it checks
 * `defaultRuns` inputs.
 */
export const suite = (targets: ReadonlyArray<ReturnType<typeof testOf>>): void => {
  const longest = Option.getOrElse(Effect.runSync(settings).seconds, () => 60)
  describe("no input causes a crash, a hang or excessive memory", () => {
    for (const { name, test } of targets) it.live(name, () => test, (longest + 120) * 1000)
  })
}

/** Makes the test of a target. The result has no type parameter, so that one list can hold the tests of all targets. */
export const testOf = <A>(target: Target<A>) => ({ name: target.name, test: Effect.scoped(run(target)) })
