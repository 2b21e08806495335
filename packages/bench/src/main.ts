import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import * as Bed from "./Bed.ts"
import { run } from "./Bench.ts"

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    out: { type: "string" },
    only: { type: "string", default: "" },
    "skip-build": { type: "boolean", default: false }
  }
})

const build = Effect.try({
  try: () => {
    if (values["skip-build"]) return
    const { status } = spawnSync(process.execPath, ["scripts/build.ts"], { stdio: "inherit" })
    if (status !== 0) throw new Error("The bundle could not be built.")
  },
  catch: (cause) => (cause instanceof Error ? cause : new Error(String(cause)))
})

build.pipe(
  Effect.andThen(
    Effect.suspend(() =>
      run({
        extent: values.quick ? Bed.quick : Bed.full,
        only: new RegExp(values.only),
        out: values.out ?? mkdtempSync(join(tmpdir(), "registry-packages-proxy-bench-"))
      })
    )
  ),
  NodeRuntime.runMain
)
