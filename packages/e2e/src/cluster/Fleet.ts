import { Effect, FileSystem, Path, Schema } from "effect"
import { fileURLToPath } from "node:url"
import * as Daemon from "../machine/Daemon.ts"
import type { Image } from "../machine/ImageLayout.ts"

const program = fileURLToPath(new URL("FleetProgram.ts", import.meta.url))

/** The work of a fleet of clients. */
export interface Plan {
  readonly clients: number
  /**
   * How they try again, one after the other: `rpp-get` draws an endpoint for each of 30 attempts, 5 s apart; `bashible`
   * shuffles them and goes on to the next.
   */
  readonly kinds: ReadonlyArray<"rpp-get" | "bashible">
  /** `host:port` of every master there is, or was. */
  readonly endpoints: ReadonlyArray<string>
  readonly token: string
  readonly packages: ReadonlyArray<{
    readonly digest: string
    readonly sha256: string
    readonly size: number
  }>
  /** Between two downloads, on average. */
  readonly pauseMillis: number
  readonly retryMillis: number
  /** Bytes a second that a client takes; 0: all it can. */
  readonly clientRate: number
  /** Each client fetches each package once, in an order of its own, and is done. */
  readonly once: boolean
}

const Outcome = Schema.fromJsonString(
  Schema.Struct({
    downloads: Schema.Number,
    bytes: Schema.Number,
    /** Why, for each download that was given up. */
    failed: Schema.Array(Schema.String),
    /** Number of attempts that failed, by reason. */
    retries: Schema.Record(Schema.String, Schema.Number),
    slowestSeconds: Schema.Number,
    /** When each client had all, for those that fetch once: seconds since the beginning. */
    doneAfter: Schema.Array(Schema.Number)
  })
)

/** The outcome of a fleet's downloads. */
export type Outcome = typeof Outcome.Type

const decode = Schema.decodeUnknownEffect(Outcome)

/** Starts a fleet; it ends with the scope, or when it is asked for its outcome. */
export const start = Effect.fnUntraced(function* (
  images: ReadonlyArray<Image>,
  options: Pick<Plan, "endpoints" | "token"> & Partial<Plan>
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-fleet-" })
  const plan: Plan = {
    clients: 20,
    kinds: ["rpp-get", "bashible"],
    packages: images.map(({ digest, package: file }) => ({
      digest,
      sha256: file.digest.replace("sha256:", ""),
      size: file.size
    })),
    pauseMillis: 200,
    retryMillis: 5000,
    clientRate: 0,
    once: false,
    ...options
  }
  const file = path.join(directory, "plan.json")
  yield* fs.writeFileString(file, JSON.stringify(plan), { mode: 0o600 })
  const outcome = path.join(directory, "outcome.json")
  const daemon = yield* Daemon.start("fleet", process.execPath, [program, file, outcome])
  yield* daemon.line(/^begun$/)
  return {
    /** Returns when clients that fetch once are done. */
    done: Effect.ignore(daemon.ended),
    /** The outcome of clients that fetch once, after `done`. */
    result: Effect.flatMap(fs.readFileString(outcome), decode),
    /** Has every client finish its download, and tells how all went. */
    outcome: Effect.gen(function* () {
      yield* daemon.stop()
      return yield* decode(yield* fs.readFileString(outcome))
    })
  }
})

/** Clients at work. */
export type Fleet = Effect.Success<ReturnType<typeof start>>
