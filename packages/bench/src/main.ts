import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Install from "@registry-packages-proxy/e2e/run/Install"
import { Console, Effect } from "effect"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Bench from "./Bench.ts"
import * as Options from "./Options.ts"
import * as Page from "./report/Page.ts"
import type { Report } from "./report/Report.ts"
import * as Fixture from "./servers/Fixture.ts"

const build = Effect.try({
  try: () => {
    const { status } = spawnSync(process.execPath, ["scripts/build.ts"], { stdio: "inherit" })
    if (status !== 0) throw new Error("the build failed: see above")
  },
  catch: (cause) => (cause instanceof Error ? cause : new Error(String(cause)))
})

/** Installs the missing `installablePrograms` if the option `--install` is given or the benchmark runs in CI. */
const installPeers = (mayInstall: boolean) =>
  Effect.gen(function* () {
    const installer = yield* Install.makeInstaller({ mayInstall, say: Console.log })
    if (installer.mayInstall) yield* Install.ensureInstalled(Fixture.installablePrograms, installer)
  }).pipe(Effect.provide(NodeServices.layer))

const measure = Effect.fnUntraced(function* (options: Options.Options) {
  yield* installPeers(options.install)
  if (!options["skip-build"]) yield* build
  return yield* Bench.run({
    workload: options.quick ? Fixture.quickWorkload : Fixture.fullWorkload,
    only: options.only,
    otherExecutable: options.against,
    out: options.out ?? mkdtempSync(join(tmpdir(), "registry-packages-proxy-bench-"))
  })
})

const nothing: Report = { machine: {}, missing: [], comparisons: [], verdicts: [] }

const writeReport = (page: string, report: Report, options: { readonly isTrial: boolean }) =>
  Effect.try({
    try: () => {
      const text = Page.withReport(readFileSync(page, "utf8"), report)
      if (!options.isTrial) writeFileSync(page, text)
    },
    catch: (cause) => new Error(`${page}: ${String(cause)}`)
  })

const main = Effect.gen(function* () {
  const options = yield* Options.parse
  if (options.help) return yield* Console.log(Options.help())
  const { from, report: page } = options
  // Fails before anything is measured if the page has no markers.
  if (page !== undefined) yield* writeReport(page, nothing, { isTrial: true })
  const report =
    from === undefined ? yield* measure(options) : (JSON.parse(readFileSync(from, "utf8")) as Report)
  if (page !== undefined) yield* writeReport(page, report, { isTrial: false })
}).pipe(Effect.tapError(({ message }) => Console.error(message)))

NodeRuntime.runMain(main, { disableErrorReporting: true })
