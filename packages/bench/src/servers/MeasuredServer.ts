import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createWriteStream, readFileSync } from "node:fs"
import { createConnection, createServer } from "node:net"
import type { RegistryPackage } from "./RegistryPackage.ts"

/** A running server whose speed and memory are measured. */
export interface MeasuredServer {
  readonly name: string
  readonly pid: number
  /** Ids of further processes that are measured together with the server. */
  readonly otherPids?: ReadonlyArray<number>
  readonly url: (wanted: RegistryPackage) => string
  /** Empties the server's cache. Does nothing if the server has no cache, or if no case needs an empty cache. */
  readonly emptyCache: Effect.Effect<void>
}

/** Returns a port of 127.0.0.1 on which nothing listens. */
export const freePort: Effect.Effect<number> = Effect.promise(async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  return typeof address === "object" && address !== null ? address.port : 0
})

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection({ host: "127.0.0.1", port })
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => resolve(false))
  })

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

const awaitPort = async (child: ChildProcess, port: number, log: string): Promise<void> => {
  for (let waited = 0; !(await accepts(port)); waited += 5) {
    if (child.exitCode !== null || waited > 30_000) {
      throw new Error(
        `${child.spawnfile} does not listen on port ${port}:\n${readFileSync(log, "utf8").slice(-2000)}`
      )
    }
    await pause(5)
  }
}

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, "exit")
  child.kill("SIGTERM")
  const killer = setTimeout(() => child.kill("SIGKILL"), 5000)
  await ended
  clearTimeout(killer)
}

/**
 * Starts a process, waits until the process listens on `port`, and returns the process id. Fails if the process ends or
 * does not listen within 30 s. When the scope ends, the process gets SIGTERM. If the process still runs after 5 s, it
 * gets SIGKILL.
 */
export const start = (options: {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly port: number
  readonly log: string
  /** The complete environment of the process. Default: the environment of the benchmark. */
  readonly env?: Readonly<Record<string, string>> | undefined
}): Effect.Effect<number, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const log = createWriteStream(options.log)
        const child = spawn(options.command, options.args, {
          stdio: ["ignore", "pipe", "pipe"],
          ...(options.env === undefined ? {} : { env: options.env })
        })
        child.on("error", () => {})
        child.stdout.pipe(log)
        child.stderr.pipe(log)
        return child
      }),
      (child) => Effect.promise(() => stop(child))
    )
    yield* Effect.tryPromise({
      try: () => awaitPort(child, options.port, options.log),
      catch: (cause) => (cause instanceof Error ? cause : new Error(String(cause)))
    })
    return child.pid ?? 0
  })
