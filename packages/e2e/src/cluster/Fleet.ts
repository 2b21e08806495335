import { Effect, FileSystem, Path, Schema } from "effect"
import { fileURLToPath } from "node:url"
import * as Daemon from "../machine/Daemon.ts"
import type { Image } from "../machine/ImageLayout.ts"

const program = fileURLToPath(new URL("FleetProgram.ts", import.meta.url))

/** The configuration of a fleet of clients. */
export interface Plan {
  readonly clients: number
  /**
   * Retry behaviours, given to the clients in turn: `rpp-get` picks a random endpoint for each of 30 attempts, 5 s
   * apart; `bashible` tries all endpoints in random order.
   */
  readonly kinds: ReadonlyArray<"rpp-get" | "bashible">
  /** `host:port` of every master, removed ones included. */
  readonly endpoints: ReadonlyArray<string>
  readonly token: string
  readonly packages: ReadonlyArray<{
    readonly digest: string
    readonly sha256: string
    readonly size: number
  }>
  /** Average pause between two downloads. */
  readonly pauseMillis: number
  readonly retryMillis: number
  /** Bytes a second that a client reads; 0: unlimited. */
  readonly clientRate: number
  /** Each client fetches each package once, in random order, and ends. */
  readonly once: boolean
}

const Outcome = Schema.fromJsonString(
  Schema.Struct({
    downloads: Schema.Number,
    bytes: Schema.Number,
    /** The reason of each download that failed for good. */
    failed: Schema.Array(Schema.String),
    /** Number of failed attempts, by reason. */
    retries: Schema.Record(Schema.String, Schema.Number),
    slowestSeconds: Schema.Number,
    /** For clients that fetch once: seconds until each had all packages. */
    doneAfter: Schema.Array(Schema.Number)
  })
)

/** The results of a fleet. */
export type Outcome = typeof Outcome.Type

const decode = Schema.decodeUnknownEffect(Outcome)

/** Starts a fleet; it ends with the scope, or when its outcome is read. */
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
    /** Returns when all clients have ended, if they fetch once. */
    done: Effect.ignore(daemon.ended),
    /** The results after `done`. */
    result: Effect.flatMap(fs.readFileString(outcome), decode),
    /** Stops the clients after their current downloads and gives the results. */
    outcome: Effect.gen(function* () {
      yield* daemon.stop()
      return yield* decode(yield* fs.readFileString(outcome))
    })
  }
})

export type Fleet = Effect.Success<ReturnType<typeof start>>
