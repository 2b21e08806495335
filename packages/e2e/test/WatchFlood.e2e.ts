import { assert, layer } from "@effect/vitest"
import { Clock, Console, Effect, FileSystem, Path } from "effect"
import { HttpClient } from "effect/http"
import { fileURLToPath } from "node:url"
import * as ProxyProcess from "../src/program/ProxyProcess.ts"
import * as Daemon from "../src/machine/Daemon.ts"
import { showLogsOnFailure } from "../src/machine/Logs.ts"
import * as AnonymousKubeconfig from "../src/servers/AnonymousKubeconfig.ts"
import * as Eventually from "../src/machine/Eventually.ts"
import * as ProcessMemory from "../src/machine/ProcessMemory.ts"
import { layerPrograms, layerOptions } from "../src/fixtures/RegistryFixture.ts"

const script = fileURLToPath(new URL("../src/servers/FloodingApiServer.ts", import.meta.url))

layer(layerPrograms, layerOptions)("A flood of watch events", (it) => {
  it.effect("of 5,000 a second is processed to the last one in less than 100 MiB more memory", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const directory = yield* fs.makeTempDirectoryScoped()
      const file = path.join(directory, "kubeconfig")
      const flood = yield* Daemon.start("flood", process.execPath, [script, "5000", "10"])
      const [, server = ""] = yield* flood.waitForLine(/listening on (\S+)/)
      yield* fs.writeFileString(file, AnonymousKubeconfig.render(server))
      const proxy = yield* ProxyProcess.start({ args: [`--kubeconfig=${file}`] })
      const before = yield* ProcessMemory.read(proxy.pid)
      yield* flood.waitForLine(/^done/)
      const done = yield* Clock.currentTimeMillis
      yield* Eventually.isTrue(
        "the last event",
        Effect.map(
          Effect.flatMap(HttpClient.get(`${proxy.origin}/metrics`), ({ text }) => text),
          (text) => /^registry_packages_proxy_sources_known 501$/m.test(text)
        )
      )
      const behind = (yield* Clock.currentTimeMillis) - done
      const { peakMiB: peak, residentMiB: resident } = yield* ProcessMemory.read(proxy.pid)
      const sizes = [before.residentMiB, resident, peak].map((size) => size.toFixed(1)).join(", ")
      yield* Console.log(
        `${flood.lines().at(-1)}; the last one processed ${behind} ms later; MiB before, after, peak: ${sizes}`
      )
      assert.isBelow(peak - before.residentMiB, 100)
    }).pipe(Effect.scoped, showLogsOnFailure)
  )
})
