/**
 * Measures the executable with different flags of V8 and Node. Usage: `sweep.ts [--quick] [--only VARIANTS] [--measure
 * NAMES]`. VARIANTS and NAMES are regular expressions. The names of the measurements are idle, crowd, served, small-0,
 * small-4 and miss. Run this script before scripts/build/RuntimeFlags.ts changes, and after an upgrade of Node.
 * docs/decisions.md has the latest results.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import * as Fixture from "../packages/bench/src/servers/Fixture.ts"
import * as FlagSweep from "../packages/bench/src/cases/FlagSweep.ts"
import * as BuildOutput from "./build/BuildOutput.ts"
import * as Executable from "./build/Executable.ts"
import * as NodeBinary from "./build/NodeBinary.ts"
import { type RuntimeFlags, shippedFlags } from "./build/RuntimeFlags.ts"

const root = resolve(import.meta.dirname, "..")
const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    measure: { type: "string", default: "" }
  }
})

const heap = "--max-old-space-size=192"
const semi = (mebibytes: number): string => `--max-semi-space-size=${mebibytes}`

/** The workload without `--quick`. Shows the differences between the variants, and takes about ten minutes. */
const workload: Fixture.Workload = {
  ...Fixture.fullWorkload,
  rounds: 3,
  wrkSeconds: 2,
  idleSeconds: 3,
  hugeBytes: undefined
}

/** The flags of each variant. `v8` replaces the shipped flags of V8. `node` is added to the shipped flags of Node. */
const variants: Readonly<Record<string, Partial<RuntimeFlags>>> = {
  shipped: { v8: shippedFlags.v8 },
  none: { v8: [] },
  "heap 192": { v8: [heap] },
  "semi 1": { v8: [semi(1), heap] },
  "semi 2": { v8: [semi(2), heap] },
  "semi 4": { v8: [semi(4), heap] },
  "semi 8": { v8: [semi(8), heap] },
  "semi 4, growth 40": { v8: [semi(4), heap, "--heap-growing-percent=40"] },
  "semi 4, gc": { v8: [semi(4), heap, "--expose-gc"] },
  "semi 4, size": { v8: [semi(4), heap, "--optimize-for-size"] },
  "semi 4, one GC thread": { v8: [semi(4), heap, "--single-threaded-gc"] },
  "semi 4, one V8 thread": { v8: [semi(4), heap], node: ["--v8-pool-size=1"] }
}

const program = Effect.scoped(
  Effect.gen(function* () {
    const { ownArchitecture: own } = NodeBinary
    if (own === undefined) return yield* Effect.fail(new Error("executables are built for Linux only"))
    const fixture = yield* Fixture.make(values.quick ? Fixture.quickWorkload : workload, {
      rbacProxy: false,
      image: false
    })
    const script = readFileSync(join(BuildOutput.outputDirectory(root), "main.js"), "latin1")
    const only = new RegExp(values.only)
    const chosen = Object.entries(variants).filter(([name]) => only.test(name))
    const executables = chosen.map(([name, { node = [], v8 = [] }]) => {
      const output = join(fixture.workDirectory, `program-${name.replaceAll(/\W+/g, "-")}`)
      Executable.make({
        script,
        node: NodeBinary.pinnedNode(own).executable,
        output,
        codeCache: true,
        flags: { v8, node: [...shippedFlags.node, ...node] }
      })
      return [name, output] as const
    })
    yield* FlagSweep.run(fixture, Object.fromEntries(executables), new RegExp(values.measure))
  })
)

NodeRuntime.runMain(program)
