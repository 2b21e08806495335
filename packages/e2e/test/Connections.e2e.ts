import { assert, layer } from "@effect/vitest"
import { registrySecret } from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import { TestRegistry } from "@registry-packages-proxy/testkit/registry/TestRegistry"
import { Clock, Console, Effect, FileSystem, Path, Schedule } from "effect"
import { HttpClient } from "effect/http"
import { fileURLToPath } from "node:url"
import * as ProxyProcess from "../src/program/ProxyProcess.ts"
import * as Daemon from "../src/machine/Daemon.ts"
import { showLogsOnFailure } from "../src/machine/Logs.ts"
import * as MemoryLimit from "../src/machine/MemoryLimit.ts"
import * as Eventually from "../src/machine/Eventually.ts"
import * as ProcessMemory from "../src/machine/ProcessMemory.ts"
import { layerPrograms, layerOptions } from "../src/fixtures/RegistryFixture.ts"

const client = (name: string): string => fileURLToPath(new URL(`../clients/${name}`, import.meta.url))
const reviewServer = fileURLToPath(new URL("../src/servers/ReviewServer.ts", import.meta.url))

const connections = 600

const kubeconfig = (server: string): string =>
  JSON.stringify({
    "current-context": "c",
    contexts: [{ name: "c", context: { cluster: "c", user: "c" } }],
    clusters: [{ name: "c", cluster: { server } }],
    users: [{ name: "c", user: {} }]
  })

/** Returns the number of open sockets of a process. */
const socketsOf = Effect.fnUntraced(function* (pid: number) {
  const fs = yield* FileSystem.FileSystem
  const directory = `/proc/${pid}/fd`
  const targets = yield* Effect.forEach(yield* fs.readDirectory(directory), (fd) =>
    // A descriptor may have been closed meanwhile.
    Effect.orElseSucceed(fs.readLink(`${directory}/${fd}`), () => "")
  )
  return targets.filter((target) => target.startsWith("socket:")).length
})

const seconds = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const began = yield* Clock.currentTimeMillis
    yield* effect
    return ((yield* Clock.currentTimeMillis) - began) / 1000
  })

layer(layerPrograms, layerOptions)("Connections", (it) => {
  it.effect(
    "unread responses to 600 pipelines take less than 64 MiB, delay no other client, and end",
    () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const file = path.join(yield* fs.makeTempDirectoryScoped(), "kubeconfig")
        const reviews = yield* Daemon.start("reviews", process.execPath, [reviewServer, "a-token"])
        const [, server = ""] = yield* reviews.waitForLine(/listening on (\S+)/)
        yield* fs.writeFileString(file, kubeconfig(server))
        const memoryLimit = yield* MemoryLimit.make(512)
        yield* Console.log(`memory limit: ${memoryLimit.description}`)
        const proxy = yield* ProxyProcess.start({
          args: [`--kubeconfig=${file}`, "--secure-listen-address=127.0.0.1:0"],
          wrapCommand: memoryLimit.wrapCommand
        })
        const [, securePort = ""] = yield* proxy.waitForLine(
          /"listening","url":"https:\/\/127\.0\.0\.1:(\d+)"/
        )
        const probe = seconds(HttpClient.get(`${proxy.origin}/healthz`))
        // Warms up, so that `before` includes the memory of the code.
        yield* Effect.replicateEffect(probe, 300)
        // The pipeline timeout closes a connection 75 s after the last request, so all connections end within 90 s. The
        // send timeout would close them later: its 60 s begin when the client's kernel accepts no more bytes, after up
        // to 51 s.
        for (const [who, kind, port, ...token] of [
          ["anyone", "plain", new URL(proxy.origin).port],
          ["strangers", "tls", securePort],
          ["callers", "tls", securePort, "a-token"]
        ] as const) {
          const [idle, before] = [yield* socketsOf(proxy.pid), yield* ProcessMemory.read(proxy.pid)]
          let slowest = 0
          const probing = probe.pipe(
            Effect.map((took) => {
              slowest = Math.max(slowest, took)
            }),
            Effect.repeat(Schedule.spaced("100 millis"))
          )
          const took = yield* Effect.gen(function* () {
            const flood = yield* Daemon.start(`pipelines-${who}`, "python3", [
              client("pipelines.py"),
              port,
              String(connections),
              kind,
              ...token
            ])
            yield* flood.waitForLine(/^sent/)
            // The clients stay connected. From here on, only the program closes connections.
            return yield* seconds(
              Eventually.isTrue(
                "the end of all connections",
                Effect.map(socketsOf(proxy.pid), (sockets) => sockets <= idle + 1),
                { times: 800, intervalMillis: 200 }
              )
            )
          }).pipe(Effect.scoped, Effect.raceFirst(probing))
          const { peakMiB: peak } = yield* ProcessMemory.read(proxy.pid)
          const sizes = [before.residentMiB, peak].map((size) => size.toFixed(1)).join(", ")
          yield* Console.log(
            `${who}, ${kind}: all closed after ${took.toFixed(0)} s; slowest probe ${slowest} s; MiB before, peak: ${sizes}`
          )
          assert.isBelow(took, 90)
          assert.isBelow(slowest, 1)
          assert.isBelow(peak - before.residentMiB, 64)
        }
      }).pipe(Effect.scoped, showLogsOnFailure),
    { timeout: 420_000 }
  )

  it.effect(
    "a client that stops reading is disconnected, one that reads 4 KiB every 10 seconds is not",
    () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const registry = yield* TestRegistry.make()
        const { digest } = yield* registry.putPackage(
          "own/packages",
          RegistryBlob.randomBytes(1, 48 * 1024 * 1024)
        )
        const credentialsFile = path.join(yield* fs.makeTempDirectoryScoped(), "credentials.json")
        yield* fs.writeFileString(
          credentialsFile,
          JSON.stringify(registrySecret({ address: registry.host, path: "/own", scheme: "http" }))
        )
        const proxy = yield* ProxyProcess.start({ credentialsFile })
        const url = proxy.packageUrl(digest, { path: "packages" })
        const slow = yield* Daemon.start("slow", "python3", [client("slow.py"), url, "4096", "10"])
        yield* slow.waitForLine(/^\d+$/)
        const idle = yield* socketsOf(proxy.pid)
        const stopped = yield* Daemon.start("stopped", "python3", [client("slow.py"), url, "4096", "3600"])
        yield* stopped.waitForLine(/^\d+$/)
        const took = yield* seconds(
          Eventually.isTrue(
            "the disconnection of the client that stopped",
            Effect.map(socketsOf(proxy.pid), (sockets) => sockets <= idle),
            { times: 900, intervalMillis: 100 }
          )
        )
        yield* Console.log(`disconnected after ${took.toFixed(0)} s`)
        assert.isAtLeast(took, 55)
        assert.isAtMost(took, 75)
        // The slow client prints a line every 10 seconds.
        yield* Eventually.isTrue(
          "100 seconds of the slow client",
          Effect.sync(() => slow.lines().length > 10),
          { times: 900, intervalMillis: 100 }
        )
        assert.notInclude(slow.lines(), "broken")
      }).pipe(Effect.scoped, showLogsOnFailure),
    { timeout: 300_000 }
  )
})
