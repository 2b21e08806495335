import { Effect, FileSystem, Path, Schema } from "effect"
import { fileURLToPath } from "node:url"
import * as Daemon from "../machine/Daemon.ts"
import type { LayoutImage } from "../machine/ImageLayout.ts"

const program = fileURLToPath(new URL("FleetProgram.ts", import.meta.url))

/** The configuration of a fleet, which consists of many simulated clients in one process. */
export interface FleetPlan {
  readonly clientCount: number
  /**
   * The retry behaviours of the clients, assigned round-robin. For each download, `rpp-get` makes up to 30 attempts,
   * each to a random endpoint. `bashible` makes up to 30 rounds. In each round, it tries all endpoints in random order.
   */
  readonly retryBehaviors: ReadonlyArray<"rpp-get" | "bashible">
  /** `host:port` of each master, including masters that a test later removes from the cluster. */
  readonly endpoints: ReadonlyArray<string>
  readonly token: string
  readonly packages: ReadonlyArray<{
    readonly digest: string
    readonly sha256: string
    readonly size: number
  }>
  /** Average pause of a client after each download, in milliseconds. */
  readonly pauseMillis: number
  /** Pause in milliseconds after each attempt of `rpp-get`, and after each round of `bashible`. */
  readonly retryMillis: number
  /** Maximum number of bytes that each client reads per second. 0 means no limit. */
  readonly clientBytesPerSecond: number
  /**
   * True if each client fetches each package once and then ends. If false, each client fetches random packages until it
   * is stopped.
   */
  readonly fetchesOnce: boolean
}

const Outcome = Schema.fromJsonString(
  Schema.Struct({
    downloads: Schema.Number,
    bytes: Schema.Number,
    /** One text for each failed download. It contains the endpoint and the error of each attempt. */
    failed: Schema.Array(Schema.String),
    /** Number of failed attempts, by error message. */
    retries: Schema.Record(Schema.String, Schema.Number),
    slowestSeconds: Schema.Number,
    /**
     * For each client, the seconds from the start of the fleet until the client ended. Empty if `fetchesOnce` is false.
     */
    doneAfter: Schema.Array(Schema.Number)
  })
)

/** The combined results of all clients in a fleet. */
export type FleetResult = typeof Outcome.Type

const decode = Schema.decodeUnknownEffect(Outcome)

/** Starts a fleet of clients that fetch the packages of `images`. The end of the scope stops the fleet. */
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
    /** Waits until all clients have ended. They end by themselves only if `fetchesOnce` is true. */
    awaitDone: Effect.ignore(daemon.exited),
    /** Reads the results of a fleet that has ended. Fails if clients still run. */
    result: Effect.flatMap(fs.readFileString(outcome), decode),
    /**
     * Stops each client after its current download, and returns the results of the fleet. `fetchesOnce` must be false.
     */
    stop: Effect.gen(function* () {
      yield* daemon.stop()
      return yield* decode(yield* fs.readFileString(outcome))
    })
  }
})

export type Fleet = Effect.Success<ReturnType<typeof start>>
