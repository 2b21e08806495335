import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Install from "@registry-packages-proxy/e2e/run/Install"
import { Console, Effect } from "effect"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import * as Bed from "./servers/Bed.ts"
import { run } from "./Bench.ts"
import * as Page from "./report/Page.ts"
import type { Report } from "./report/Report.ts"

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    out: { type: "string" },
    report: { type: "string" },
    from: { type: "string" },
    only: { type: "string", default: "" },
    against: { type: "string" },
    "skip-build": { type: "boolean", default: false },
    install: { type: "boolean", default: false }
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

/** Brings the peers where that is asked for, by a person or by CI; else what is missing is named and left out. */
const peers = Effect.gen(function* () {
  const installer = yield* Install.system({ isWanted: values.install, say: Console.log })
  if (installer.isWanted) yield* Install.bring(Bed.parts, installer)
}).pipe(Effect.provide(NodeServices.layer))

const measure = peers.pipe(
  Effect.andThen(build),
  Effect.andThen(
    Effect.suspend(() =>
      run({
        extent: values.quick ? Bed.quick : Bed.full,
        only: new RegExp(values.only),
        against: values.against,
        out: values.out ?? mkdtempSync(join(tmpdir(), "registry-packages-proxy-bench-"))
      })
    )
  )
)

const nothing: Report = { machine: {}, missing: [], comparisons: [], verdicts: [] }

/** Writes a report into the page that was named, if one was. */
const writeReport = (report: Report, isTrial: boolean) =>
  Effect.try({
    try: () => {
      if (values.report === undefined) return
      const page = Page.written(readFileSync(values.report, "utf8"), report)
      if (!isTrial) writeFileSync(values.report, page)
    },
    catch: (cause) => new Error(`${values.report}: ${String(cause)}`)
  })

/** The report of this run, or of an earlier one that left its bench.json. */
const report = Effect.suspend(() =>
  values.from === undefined
    ? measure
    : Effect.succeed(JSON.parse(readFileSync(values.from, "utf8")) as Report)
)

// A page without a place for the report is told before anything is measured.
writeReport(nothing, true).pipe(
  Effect.andThen(report),
  Effect.flatMap((done) => writeReport(done, false)),
  NodeRuntime.runMain
)
