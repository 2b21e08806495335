import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { ProcessEnvironment } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import * as CauseText from "@registry-packages-proxy/proxy/text/CauseText"
import { Effect, Exit, Fiber, FileSystem, Latch, Layer } from "effect"
import { execFile } from "node:child_process"
import { run } from "../src/Quickstart.ts"
import * as TestEnvironment from "./TestEnvironment.ts"

const net = process.getBuiltinModule("node:net")
const layerNode = Layer.merge(NodeFileSystem.layer, NodePath.layer)

const shell = (command: string) =>
  Effect.callback<string>((resume) => {
    execFile("sh", ["-c", command], (error, stdout) =>
      resume(error === null ? Effect.succeed(stdout) : Effect.die(error))
    )
  })

const takenPort = Effect.acquireRelease(
  Effect.callback<{ readonly server: ReturnType<typeof net.createServer>; readonly port: number }>(
    (resume) => {
      const server = net.createServer()
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(Effect.succeed({ server, port }))
      })
    }
  ),
  ({ server }) => Effect.sync(() => server.close())
)

describe("Quickstart", () => {
  it.live("shows a miss and a hit of every sample and a working curl command, and removes its files", () =>
    Effect.gen(function* () {
      const serving = yield* Latch.make()
      const { environment, written } = TestEnvironment.make({
        args: ["--listen-address", "127.0.0.1:0"],
        onText: (text) => {
          if (text.includes("Serving until")) serving.openUnsafe()
        }
      })
      const program = Effect.provideService(run, ProcessEnvironment, environment)
      const fiber = yield* Effect.forkChild(program)
      yield* Effect.raceFirst(serving.await, Fiber.join(fiber))

      const text = written()
      assert.notInclude(text, "\u001b", "plain text if the output is no terminal")
      for (const name of ["jq", "crictl", "kubelet"]) {
        assert.match(text, new RegExp(`${name} .*fwd=miss; stored .* verified\n +hit .* verified\n`))
      }
      assert.notInclude(text, '"message"', "no log line interrupts the walk-through")
      const curl = text.split("\n").find((line) => line.trim().startsWith("curl ")) ?? ""
      assert.include(yield* shell(curl), "bin/crictl")

      const directory = /(\S+)\/credentials\.yaml/.exec(text)?.[1] ?? ""
      const fs = yield* FileSystem.FileSystem
      assert.isTrue(yield* fs.exists(directory))
      yield* Fiber.interrupt(fiber)
      assert.isFalse(yield* fs.exists(directory))
    }).pipe(Effect.provide(layerNode))
  )

  it.live("fails with the address in use and the remedy, and prints nothing", () =>
    Effect.gen(function* () {
      const { port } = yield* takenPort
      const { environment, written } = TestEnvironment.make({ args: [`--listen-address=127.0.0.1:${port}`] })
      const exit = yield* Effect.exit(Effect.provideService(run, ProcessEnvironment, environment))
      assert.isTrue(Exit.isFailure(exit))
      const message = Exit.isFailure(exit) ? CauseText.describeCause(exit.cause) : ""
      assert.include(message, `127.0.0.1:${port}`)
      assert.include(message, "npm start -- --listen-address 127.0.0.1:0")
      assert.strictEqual(written(), "")
    }).pipe(Effect.scoped, Effect.provide(layerNode))
  )
})
