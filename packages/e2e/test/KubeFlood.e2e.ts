import { assert, layer } from "@effect/vitest"
import { Clock, Console, Effect, FileSystem, Path } from "effect"
import { HttpClient } from "effect/http"
import { fileURLToPath } from "node:url"
import * as Bundle from "../src/program/Bundle.ts"
import * as Daemon from "../src/machine/Daemon.ts"
import { shownOnFailure } from "../src/machine/Logs.ts"
import * as OpenKubeconfig from "../src/servers/OpenKubeconfig.ts"
import * as Poll from "../src/machine/Poll.ts"
import * as ProcessMemory from "../src/machine/ProcessMemory.ts"
import { layerParts, options } from "../src/beds/TestBed.ts"

const script = fileURLToPath(new URL("../src/beds/KubeFlood.ts", import.meta.url))

layer(layerParts, options)("A flood of events", (it) => {
  it.effect("of 5,000 a second is followed to its last, with less than 100 MiB more", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const directory = yield* fs.makeTempDirectoryScoped()
      const file = path.join(directory, "kubeconfig")
      const flood = yield* Daemon.start("flood", process.execPath, [script, "5000", "10"])
      const [, server = ""] = yield* flood.line(/listening on (\S+)/)
      yield* fs.writeFileString(file, OpenKubeconfig.text(server))
      const bundle = yield* Bundle.start({ args: [`--kubeconfig=${file}`] })
      const before = yield* ProcessMemory.read(bundle.pid)
      yield* flood.line(/^done/)
      const done = yield* Clock.currentTimeMillis
      yield* Poll.untilTrue(
        "the last event",
        Effect.map(
          Effect.flatMap(HttpClient.get(`${bundle.origin}/metrics`), ({ text }) => text),
          (text) => /^registry_packages_proxy_sources_known 501$/m.test(text)
        )
      )
      const behind = (yield* Clock.currentTimeMillis) - done
      const { peak, resident } = yield* ProcessMemory.read(bundle.pid)
      const sizes = [before.resident, resident, peak].map((size) => size.toFixed(1)).join(", ")
      yield* Console.log(
        `${flood.lines().at(-1)}; the last known ${behind} ms later; MiB before, after, at most: ${sizes}`
      )
      assert.isBelow(peak - before.resident, 100)
    }).pipe(Effect.scoped, shownOnFailure)
  )
})
