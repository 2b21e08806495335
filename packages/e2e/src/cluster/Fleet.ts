import { Effect, FileSystem, Path, Schema } from "effect"
import { fileURLToPath } from "node:url"
import * as Daemon from "../machine/Daemon.ts"
import type { LayoutImage } from "../machine/ImageLayout.ts"

const program = fileURLToPath(new URL("FleetProgram.ts", import.meta.url))

/** The configuration of a fleet of clients. */
export interface FleetPlan {
  readonly clientCount: number
  /**
   * Retry behaviours, assigned to the clients in turn. `rpp-get` makes 30 attempts, each to a random endpoint.
   * `bashible` makes 30 rounds, and tries all endpoints in random order in each round.
   */
  readonly retryBehaviors: ReadonlyArray<"rpp-get" | "bashible">
  /** `host:port` of every master, including removed masters. */
  readonly endpoints: ReadonlyArray<string>
  readonly token: string
  readonly packages: ReadonlyArray<{
    readonly digest: string
    readonly sha256: string
    readonly size: number
  }>
  /** Average pause of a client after each download. */
  readonly pauseMillis: number
  /** Pause after each attempt of `rpp-get` and after each round of `bashible`. */
  readonly retryMillis: number
  /** Maximum number of bytes that each client reads per second; 0 means unlimited. */
  readonly clientBytesPerSecond: number
  /** If true, each client fetches each package once and ends. If false, clients fetch until they are stopped. */
  readonly fetchesOnce: boolean
}

const Outcome = Schema.fromJsonString(
  Schema.Struct({
    downloads: Schema.Number,
    bytes: Schema.Number,
    /** One text for each failed download, with the endpoint and the error of each attempt. */
    failed: Schema.Array(Schema.String),
    /** Number of failed attempts, by error. */
    retries: Schema.Record(Schema.String, Schema.Number),
    slowestSeconds: Schema.Number,
    /** If `fetchesOnce` is true: for each client, the seconds from the start to the end of the last download. */
    doneAfter: Schema.Array(Schema.Number)
  })
)

/** The results of all clients of a fleet. */
export type FleetResult = typeof Outcome.Type

const decode = Schema.decodeUnknownEffect(Outcome)

/** Starts a fleet of clients. The effect `stop` and the end of the scope stop the fleet. */
export const start = Effect.fnUntraced(function* (
  images: ReadonlyArray<LayoutImage>,
  options: Pick<FleetPlan, "endpoints" | "token"> & Partial<FleetPlan>
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-fleet-" })
  const plan: FleetPlan = {
    clientCount: 20,
    retryBehaviors: ["rpp-get", "bashible"],
    packages: images.map(({ digest, package: file }) => ({
      digest,
      sha256: file.digest.replace("sha256:", ""),
      size: file.size
    })),
    pauseMillis: 200,
    retryMillis: 5000,
    clientBytesPerSecond: 0,
    fetchesOnce: false,
    ...options
  }
  const file = path.join(directory, "plan.json")
  yield* fs.writeFileString(file, JSON.stringify(plan), { mode: 0o600 })
  const outcome = path.join(directory, "outcome.json")
  const daemon = yield* Daemon.start("fleet", process.execPath, [program, file, outcome])
  yield* daemon.waitForLine(/^begun$/)
  return {
    /** If `fetchesOnce` is true: waits until all clients have ended. */
    awaitDone: Effect.ignore(daemon.exited),
    /** The results of a fleet that has ended. Fails if clients still run. */
    result: Effect.flatMap(fs.readFileString(outcome), decode),
    /** Stops the clients after their current downloads and returns the results. */
    stop: Effect.gen(function* () {
      yield* daemon.stop()
      return yield* decode(yield* fs.readFileString(outcome))
    })
  }
})

export type Fleet = Effect.Success<ReturnType<typeof start>>
