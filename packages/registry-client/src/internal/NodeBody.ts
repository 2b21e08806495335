import { NodeHttpIncomingMessage } from "@effect/platform-node/NodeHttpIncomingMessage"
import { Cause, Effect, type Pull, Stream } from "effect"
import { HttpClient, type HttpClientResponse } from "effect/http"
import type { IncomingMessage } from "node:http"
import { finished } from "node:stream"
import type { Chunks } from "./Body.ts"

/** How much is taken from a socket ahead of its consumer, in bytes. */
const readAhead = 512 * 1024

/** Bytes of bodies, all together, after which what is left of them is collected. */
const collectedAfter = 8 * 1024 * 1024

const ignore = () => {}

let uncollected = 0

/**
 * Frees what the bytes came in, where the process lets itself be asked (`--expose-gc`; the bundle does): V8 counts
 * them as nothing much, and lets some 50 MiB of them gather, which the C library then never gives back.
 */
const collect = (bytes: number): void => {
  uncollected += bytes
  // By its bare name, which keeps the bundle from giving that name to something of its own.
  if (uncollected < collectedAfter || typeof gc !== "function") return
  uncollected = 0
  gc({ type: "minor" })
}

/**
 * Reads a message as it flows in. The platform's own stream reads it paused: every 64 KiB then costs a stop and a
 * start of the socket, some 0.4 CPU seconds a GB. A consumer that waits is woken after all that the socket had at once,
 * since every step of a large body's way costs as much for 64 KiB as for 512.
 */
class Flow<E> {
  readonly #source: IncomingMessage
  readonly #stopWatching: () => void
  #chunks: Array<Uint8Array> = []
  #length = 0
  #end: Effect.Effect<never, E | Cause.Done> | undefined
  #waiting: ((result: Pull.Pull<Chunks, E>) => void) | undefined
  #waking: NodeJS.Immediate | undefined

  constructor(source: IncomingMessage, onError: (error: unknown) => E) {
    this.#source = source
    source.on("error", ignore)
    this.#stopWatching = finished(source, { readable: true, writable: false }, (error) => {
      this.#end = error ? Effect.fail(onError(error)) : Cause.done()
      this.#wake()
    })
    source.on("data", this.#onData)
  }

  readonly #onData = (chunk: Uint8Array): void => {
    collect(chunk.length)
    this.#chunks.push(chunk)
    this.#length += chunk.length
    if (this.#length >= readAhead) this.#source.pause()
    if (this.#waiting !== undefined) this.#waking ??= setImmediate(() => this.#wake())
  }

  #wake(): void {
    clearImmediate(this.#waking)
    this.#waking = undefined
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.(this.#take() ?? Effect.never)
  }

  /** What is there: bytes first, then how the message ended. */
  #take(): Pull.Pull<Chunks, E> | undefined {
    const [head, ...tail] = this.#chunks
    if (head === undefined) return this.#end
    this.#chunks = []
    this.#length = 0
    if (this.#source.isPaused()) this.#source.resume()
    return Effect.succeed([head, ...tail])
  }

  readonly pull: Pull.Pull<Chunks, E> = Effect.suspend(
    () =>
      this.#take() ??
      Effect.callback<Chunks, E | Cause.Done>((resume) => {
        this.#waiting = resume
        return Effect.sync(() => {
          this.#waiting = undefined
        })
      })
  )

  close(): void {
    this.#stopWatching()
    clearImmediate(this.#waking)
    this.#source.off("data", this.#onData)
    this.#chunks = []
    // Destroying a message that was read to its end leaves its connection to the pool.
    this.#source.destroy()
  }
}

const flowing = (response: HttpClientResponse.HttpClientResponse): HttpClientResponse.HttpClientResponse => {
  if (response instanceof NodeHttpIncomingMessage) {
    const { onError, source } = response
    const open = Effect.acquireRelease(
      Effect.sync(() => new Flow(source, onError)),
      (flow) => Effect.sync(() => flow.close())
    )
    const stream = Stream.scoped(Stream.fromPull(Effect.map(open, (flow) => flow.pull)))
    Object.defineProperty(response, "stream", { value: stream })
  }
  return response
}

/** A `node:http` client whose responses' streams are read as they flow in. */
export const fast: (client: HttpClient.HttpClient) => HttpClient.HttpClient = HttpClient.transformResponse(
  Effect.map(flowing)
)
