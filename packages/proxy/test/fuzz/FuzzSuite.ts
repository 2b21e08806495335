import { assert, describe, it } from "@effect/vitest"
import { Config, Effect, Option, type Scope } from "effect"
import * as fc from "fast-check"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Worker } from "node:worker_threads"

/** What is fed with random input. */
export interface Target<A> {
  readonly name: string
  readonly input: fc.Arbitrary<A>
  /** How long an input is, in bytes: what may grow with it is time. */
  readonly size: (input: A) => number
  /** CPU milliseconds that a MiB of input may take, some ten times what it does on an idle machine. */
  readonly millisPerMiB: number
  /** Makes what takes one input and throws where something is wrong; its own things live in the scope. */
  readonly make: Effect.Effect<(input: A) => Promise<void>, never, Scope.Scope>
}

const settings = Config.all({
  seconds: Config.option(Config.Int("FUZZ_SECONDS")),
  seed: Config.option(Config.Int("FUZZ_SEED")),
  path: Config.String("FUZZ_PATH").pipe(Config.withDefault(""))
})

/** How many inputs a target gets where no time is set. */
const defaultRuns = 150

/** CPU milliseconds that any input may take: a collection, or a first compilation, falls on one of them. */
const cpuMillis = 1500

/** MiB of the heap an input may leave behind uncollected, and so many more a MiB; garbage counts. */
const leftMiB = { base: 64, perMiB: 1024 }

/** After how many inputs what is really held is measured, and how many MiB of it all inputs together may leave. */
const held = { every: 500, mostMiB: 64 }

/** Seconds without the end of an input after which the process is killed, since nothing in it could say so. */
const silence = 90

/** Ends the process when it is stuck in one input, having said in which. */
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

// A flag set after the start is in force for contexts made from then on. What a turn of the event loop has looked at
// weakly is held until its end.
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
      const left = heapMiB() - heapBefore
      if (left > leftMiB.base + (leftMiB.perMiB * size) / mib) {
        throw new Error(`${left.toFixed(0)} MiB for ${size} bytes`)
      }
      if (++count % held.every === 0) {
        await collectGarbage()
        const grown = heapMiB() - heldBefore
        if (grown > held.mostMiB) throw new Error(`${grown.toFixed(0)} MiB are held by what was done with`)
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

/** A test for each target: a few inputs in `npm test`, as many as the time allows where FUZZ_SECONDS is set. */
export const suite = (targets: ReadonlyArray<ReturnType<typeof of>>): void => {
  const longest = Option.getOrElse(Effect.runSync(settings).seconds, () => 60)
  describe("whatever comes in, nothing crashes, hangs or blows up", () => {
    for (const { name, test } of targets) it.live(name, () => test, (longest + 120) * 1000)
  })
}

/** A target ready to be run, whatever its inputs are. */
export const of = <A>(target: Target<A>) => ({ name: target.name, test: Effect.scoped(run(target)) })
