import { assert, layer } from "@effect/vitest"
import { Console, Effect, FileSystem, Path, Schema } from "effect"
import { HttpClient } from "effect/http"
import { Agent, request as send } from "node:https"
import { fileURLToPath } from "node:url"
import * as Bundle from "../src/Bundle.ts"
import * as Daemon from "../src/Daemon.ts"
import { shownOnFailure } from "../src/Logs.ts"
import * as ProcessMemory from "../src/ProcessMemory.ts"
import { layerParts, options } from "../src/TestBed.ts"

const script = fileURLToPath(new URL("../src/ReviewServer.ts", import.meta.url))
const goodToken = "a-token-that-is-good"
const flood = 100_000
const connections = 64

const kubeconfig = (server: string): string =>
  JSON.stringify({
    "current-context": "flood",
    contexts: [{ name: "flood", context: { cluster: "flood", user: "flood" } }],
    clusters: [{ name: "flood", cluster: { server } }],
    users: [{ name: "flood", user: {} }]
  })

const decodeAsked = Schema.decodeUnknownEffect(
  Schema.fromJsonString(Schema.Struct({ tokenReviews: Schema.Int, most: Schema.Int }))
)

/** Asks with a token for a package that no parameter names: 400 for whoever may. */
const ask = (origin: string, agent: Agent, token: string) =>
  Effect.callback<number, Error>((resume) => {
    const outgoing = send(
      `${origin}/package`,
      { agent, rejectUnauthorized: false, headers: { authorization: `Bearer ${token}` } },
      (response) => {
        response.resume()
        response.on("end", () => resume(Effect.succeed(response.statusCode ?? 0)))
      }
    )
    outgoing.on("error", (cause) => resume(Effect.fail(cause)))
    outgoing.end()
  })

const keepAlive = Effect.acquireRelease(
  Effect.sync(() => new Agent({ keepAlive: true, maxSockets: connections })),
  (agent) => Effect.sync(() => agent.destroy())
)

layer(layerParts, options)("A flood of tokens that are no good", (it) => {
  it.effect(
    "takes 16 reviews at a time and less than 50 MiB, and hinders no caller who is known",
    () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const directory = yield* fs.makeTempDirectoryScoped()
        const file = path.join(directory, "kubeconfig")
        const reviews = yield* Daemon.start("reviews", process.execPath, [script, goodToken])
        const [, server = ""] = yield* reviews.line(/listening on (\S+)/)
        yield* fs.writeFileString(file, kubeconfig(server))
        const bundle = yield* Bundle.start({
          args: [`--kubeconfig=${file}`, "--secure-listen-address=127.0.0.1:0"]
        })
        const [, origin = ""] = yield* bundle.line(/Listening on (https:\/\/127\.0\.0\.1:\d+)/)
        const strangers = yield* keepAlive
        const known = yield* keepAlive
        const good = ask(origin, known, goodToken)
        const idle = yield* ProcessMemory.read(bundle.pid)
        const statuses = new Map<number, number>()
        const bogus = (n: number) =>
          Effect.map(ask(origin, strangers, `bogus-${n}-${"x".repeat(800)}`), (status) => {
            statuses.set(status, (statuses.get(status) ?? 0) + 1)
          })
        // What connections and first requests cost is not the flood's.
        assert.strictEqual(yield* good, 400)
        yield* Effect.forEach(
          Array.from({ length: 3000 }, (_, n) => -n),
          bogus,
          { concurrency: connections, discard: true }
        )
        const before = yield* ProcessMemory.read(bundle.pid)
        statuses.clear()
        yield* Effect.forEach(
          Array.from({ length: flood }, (_, n) => n),
          (n) =>
            n % 100 === 0
              ? Effect.andThen(
                  bogus(n),
                  Effect.map(good, (status) => assert.strictEqual(status, 400))
                )
              : bogus(n),
          { concurrency: connections, discard: true }
        )
        const { peak } = yield* ProcessMemory.read(bundle.pid)
        const text = yield* Effect.flatMap(HttpClient.get(`${server}/asked`), ({ text }) => text)
        const { most, tokenReviews } = yield* decodeAsked(text)
        const sizes = [idle.resident, before.resident, peak].map((size) => size.toFixed(1)).join(", ")
        yield* Console.log(
          `${tokenReviews} TokenReviews, ${most} at most at once; MiB idle, at first, at most: ${sizes}`
        )
        assert.deepStrictEqual([...statuses], [[401, flood]])
        assert.isAtMost(most, 16)
        assert.isBelow(peak - before.resident, 50)
      }).pipe(Effect.scoped, shownOnFailure),
    { timeout: 1_200_000 }
  )
})
