/**
 * Downloads one package with concurrent clients in one process. Usage: `SlowReadersClient.ts URL FAST SLOW BYTES`. FAST
 * is the number of clients that read at full speed. SLOW is the number of clients that read 64 KiB/s. BYTES is the
 * expected size of the package. All clients start together. The slow clients disconnect when the last fast client has
 * received everything. Prints a `SlowReadersOutcome` as JSON.
 */
import { connect, type Socket } from "node:net"
import { percentile } from "../report/Statistics.ts"

/** The result that this program prints as JSON. */
export interface SlowReadersOutcome {
  readonly failures: ReadonlyArray<string>
  /** Seconds from the start until half of the fast clients had finished. */
  readonly p50: number
  /** Seconds from the start until all fast clients had finished. */
  readonly last: number
  /** When the last fast client finished, each slow client had received at least this number of bytes. */
  readonly minSlowBytes: number
  /** When the last fast client finished, each slow client had received at most this number of bytes. */
  readonly maxSlowBytes: number
}

const perSecond = 64 * 1024
const [, , target = "", fast = "", slow = "", size = ""] = process.argv
const url = new URL(target)
const failures: Array<string> = []

/**
 * Downloads the package. Calls `took` after each chunk of the body, and `done` at the end. If the download failed,
 * `done` gets the reason. `done` may be called again, so the caller must ignore later calls.
 */
const client = (options: {
  readonly took: (socket: Socket, bytes: number) => void
  readonly done: (failure?: string) => void
}): { readonly socket: Socket; readonly received: () => number } => {
  let received = -1
  let head = ""
  const socket = connect({ host: url.hostname, port: Number(url.port) })
  socket.on("error", (error) => options.done(error.message))
  socket.on("close", () => options.done(`closed after ${received} bytes`))
  socket.on("data", (chunk: Buffer) => {
    let bytes = chunk.length
    if (received === -1) {
      head += chunk.toString("latin1")
      const end = head.indexOf("\r\n\r\n")
      if (end === -1) return
      if (!head.startsWith("HTTP/1.1 200")) return options.done(head.slice(0, 100))
      bytes = head.length - end - 4
      received = 0
    }
    received += bytes
    options.took(socket, bytes)
    if (received >= Number(size)) options.done(received > Number(size) ? "too many bytes" : undefined)
  })
  socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`)
  return { socket, received: () => received }
}

const began = performance.now()

const slowOnes = Array.from({ length: Number(slow) }, () => {
  let due = 0
  return client({
    took: (socket, bytes) => {
      due += bytes
      socket.pause()
      const wait = began + (due / perSecond) * 1000 - performance.now()
      // The process must not wait for this timer after a slow client has disconnected.
      setTimeout(() => socket.resume(), wait).unref()
    },
    done: (failure) => failures.push(`a slow client: ${failure ?? "finished"}`)
  })
})

const seconds = await Promise.all(
  Array.from(
    { length: Number(fast) },
    () =>
      new Promise<number>((resolve) => {
        const { socket } = client({
          took: () => {},
          done: (failure) => {
            if (failure !== undefined) failures.push(failure)
            socket.removeAllListeners()
            socket.on("error", () => {})
            socket.destroy()
            resolve((performance.now() - began) / 1000)
          }
        })
      })
  )
)

const read = slowOnes.map(({ received }) => received())
const outcome: SlowReadersOutcome = {
  failures: failures.slice(0, 5),
  p50: percentile(seconds, 0.5),
  last: Math.max(...seconds),
  minSlowBytes: Math.min(...read),
  maxSlowBytes: Math.max(...read)
}
for (const { socket } of slowOnes) {
  socket.removeAllListeners()
  socket.on("error", () => {})
  socket.destroy()
}
process.stdout.write(JSON.stringify(outcome))
