import { NodeHttpIncomingMessage } from "@effect/platform-node/NodeHttpIncomingMessage"
import type { BlobBuffers } from "@registry-packages-proxy/oci/BlobBuffers"
import { Cause, Effect, type Pull, Stream } from "effect"
import { HttpClient, type HttpClientResponse } from "effect/http"
import type { IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import { finished } from "node:stream"
import { type Chunks, LentBuffers } from "./Body.ts"
import * as Taps from "./Taps.ts"

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

/** The length a message's body has, where it has one and comes as it is. */
const plainLength = ({ headers }: IncomingMessage): number | undefined =>
  headers["transfer-encoding"] === undefined && /^\d{1,16}$/.test(headers["content-length"] ?? "")
    ? Number(headers["content-length"])
    : undefined

/**
 * Reads a message as it flows in. The platform's own stream reads it paused: every 64 KiB then costs a stop and a
 * start of the socket, some 0.4 CPU seconds a GB. A consumer that waits is woken after all that the socket had at once,
 * since every step of a large body's way costs as much for 64 KiB as for 512.
 *
 * Into buffers of the consumer's, where it lends some, the bytes come straight from the connection.
 */
export class Flow<E> {
  readonly #source: IncomingMessage
  readonly #socket: Socket
  readonly #buffers: BlobBuffers | undefined
  readonly #stopWatching: () => void
  #chunks: Array<Uint8Array> = []
  #length = 0
  /** The buffer being filled, and how much of it is. */
  #filling: Uint8Array | undefined
  #filled = 0
  /** Bytes of the body still to come, where they are taken off the connection. */
  #left: number | undefined
  #closed = false
  #end: Effect.Effect<never, E | Cause.Done> | undefined
  #waiting: ((result: Pull.Pull<Chunks, E>) => void) | undefined
  #waking: NodeJS.Immediate | undefined

  constructor(source: IncomingMessage, onError: (error: unknown) => E, buffers: BlobBuffers | undefined) {
    this.#source = source
    // The message forgets it when it ends.
    this.#socket = source.socket
    this.#buffers = buffers
    source.on("error", ignore)
    this.#stopWatching = finished(source, { readable: true, writable: false }, (error) => {
      this.#end = error ? Effect.fail(onError(error)) : Cause.done()
      this.#wake()
    })
    // Once nothing runs: Node's parser may be at the head of this very message.
    if (buffers === undefined) source.on("data", this.#onData)
    else process.nextTick(() => this.#tap())
  }

  #tap(): void {
    if (this.#closed) return
    const source = this.#source
    const length = source.complete ? undefined : plainLength(source)
    if (length === undefined) return void source.on("data", this.#onData)
    this.#left = length
    // What came with the head. After it nothing is in the message but its end.
    for (let chunk: unknown = source.read(); chunk instanceof Uint8Array; chunk = source.read())
      this.#onBytes(chunk)
    if (this.#left > 0 && !Taps.open(source, this.#onBytes)) {
      this.#left = undefined
      // What comes now comes after it.
      this.#pushFilled()
    }
    source.on("data", this.#onData)
  }

  readonly #onData = (chunk: Uint8Array): void => {
    collect(chunk.length)
    this.#chunks.push(chunk)
    this.#arrived(chunk.length)
  }

  readonly #onBytes = (bytes: Uint8Array): boolean => {
    const left = this.#left ?? 0
    const length = Math.min(left, bytes.length)
    this.#left = left - length
    for (let at = 0; at < length;) {
      const into = (this.#filling ??= this.#buffers?.take() ?? Buffer.allocUnsafeSlow(length))
      const part = bytes.subarray(at, Math.min(length, at + into.length - this.#filled))
      into.set(part, this.#filled)
      at += part.length
      this.#filled += part.length
      if (this.#filled === into.length) this.#pushFilled()
    }
    this.#arrived(length)
    return this.#left > 0
  }

  #pushFilled(): void {
    if (this.#filling === undefined) return
    this.#chunks.push(this.#filling.subarray(0, this.#filled))
    this.#filling = undefined
    this.#filled = 0
  }

  #arrived(length: number): void {
    this.#length += length
    if (this.#length >= readAhead) this.#pause()
    if (this.#waiting !== undefined) this.#waking ??= setImmediate(() => this.#wake())
  }

  // A connection whose message has ended is another's.
  #pause(): void {
    if (this.#left === undefined) this.#source.pause()
    else if (this.#left > 0) this.#socket.pause()
  }

  #resume(): void {
    if (this.#left === undefined) {
      if (this.#source.isPaused()) this.#source.resume()
    } else if (this.#left > 0) this.#socket.resume()
  }

  #wake(): void {
    clearImmediate(this.#waking)
    this.#waking = undefined
    const waiting = this.#waiting
    if (waiting === undefined) return
    // Who waits may have come after another took what there was: then it goes on waiting.
    const taken = this.#take()
    if (taken === undefined) return
    this.#waiting = undefined
    waiting(taken)
  }

  /** What is there: bytes first, then how the message ended. */
  #take(): Pull.Pull<Chunks, E> | undefined {
    this.#pushFilled()
    const [head, ...tail] = this.#chunks
    if (head === undefined) return this.#end
    this.#chunks = []
    if (this.#length >= readAhead) this.#resume()
    this.#length = 0
    return Effect.succeed([head, ...tail])
  }

  readonly pull: Pull.Pull<Chunks, E> = Effect.suspend(
    () =>
      this.#take() ??
      Effect.callback<Chunks, E | Cause.Done>((resume) => {
        this.#waiting = resume
        return Effect.sync(() => {
          if (this.#waiting === resume) this.#waiting = undefined
        })
      })
  )

  close(): void {
    this.#closed = true
    this.#stopWatching()
    clearImmediate(this.#waking)
    this.#source.off("data", this.#onData)
    if (this.#left !== undefined && this.#left > 0) Taps.close(this.#socket)
    this.#chunks = []
    this.#filling = undefined
    // Destroying a message that was read to its end leaves its connection to the pool.
    this.#source.destroy()
  }
}

const flowing = (response: HttpClientResponse.HttpClientResponse): HttpClientResponse.HttpClientResponse => {
  if (response instanceof NodeHttpIncomingMessage) {
    const { onError, source } = response
    const open = Effect.acquireRelease(
      Effect.map(LentBuffers, (buffers) => new Flow(source, onError, buffers)),
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
