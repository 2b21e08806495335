import { Effect, FileSystem, Path, Schema } from "effect"
import { HttpClient } from "effect/http"
import { Agent, request as send } from "node:https"
import { fileURLToPath } from "node:url"
import * as Bundle from "../program/Bundle.ts"
import * as Daemon from "../machine/Daemon.ts"
import * as OpenKubeconfig from "../servers/OpenKubeconfig.ts"

const script = fileURLToPath(new URL("../servers/ReviewServer.ts", import.meta.url))

/** The one token that the API server of reviews accepts. */
export const goodToken = "a-token-that-is-good"

const decodeAsked = Schema.decodeUnknownEffect(
  Schema.fromJsonString(Schema.Struct({ tokenReviews: Schema.Int, most: Schema.Int }))
)

/** The bundle with a secure port, and an API server of reviews alone. */
export const start = Effect.fnUntraced(function* (options: Pick<Bundle.BundleOptions, "command"> = {}) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped()
  const file = path.join(directory, "kubeconfig")
  const reviews = yield* Daemon.start("reviews", process.execPath, [script, goodToken])
  const [, server = ""] = yield* reviews.line(/listening on (\S+)/)
  yield* fs.writeFileString(file, OpenKubeconfig.text(server))
  const bundle = yield* Bundle.start({
    ...options,
    args: [`--kubeconfig=${file}`, "--secure-listen-address=127.0.0.1:0"]
  })
  const [, secureOrigin = ""] = yield* bundle.line(/"listening","url":"(https:\/\/127\.0\.0\.1:\d+)"/)
  const tell = (path: string) => Effect.flatMap(HttpClient.get(`${server}${path}`), ({ text }) => text)
  return {
    bundle,
    secureOrigin,
    /** What it was asked so far. */
    asked: Effect.flatMap(tell("/asked"), decodeAsked),
    /** From now on no review is answered. */
    silence: Effect.asVoid(tell("/silence")),
    /** From now on reviews are answered; those before never. */
    speech: Effect.asVoid(tell("/speech"))
  }
})

/** Asks with a token for a package that no parameter names: 400 for callers with the right. */
export const ask = (origin: string, token: string, agent: Agent | false = false) =>
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

/** Connections that are kept, closed with the scope. */
export const keepAlive = (maxSockets: number) =>
  Effect.acquireRelease(
    Effect.sync(() => new Agent({ keepAlive: true, maxSockets })),
    (agent) => Effect.sync(() => agent.destroy())
  )
