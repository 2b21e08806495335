/**
 * Downloads one package with CLIENTS concurrent clients in one process. Usage: `CrowdClient.ts URL CLIENTS SLOW BYTES`.
 * The first SLOW clients pause for 100 ms after every 64 KiB. BYTES is the expected size of the package. Prints a
 * `CrowdOutcome` as JSON.
 */
import { connect } from "node:net"
import { percentiles } from "../report/Statistics.ts"

/**
 * The result of all clients. `seconds` is the time until all clients have finished. `p50` and `p99` are percentiles of
 * the seconds from a client's start to the end of its response head.
 */
export interface CrowdOutcome {
  readonly failures: ReadonlyArray<string>
  readonly seconds: number
  readonly p50: number
  readonly p99: number
}

const [, , target = "", clients = "", slow = "", size = ""] = process.argv
const url = new URL(target)
const failures: Array<string> = []
const firstBytes: Array<number> = []

const client = (isSlow: boolean): Promise<void> =>
  new Promise((resolve) => {
    const began = performance.now()
    let received = -1
    let since = 0
    let head = ""
    const socket = connect({ host: url.hostname, port: Number(url.port) })
    const finish = (failure?: string): void => {
      if (failure !== undefined) failures.push(failure)
      socket.removeAllListeners()
      socket.on("error", () => {})
      socket.destroy()
      resolve()
    }
    socket.on("error", (error) => finish(error.message))
    socket.on("close", () => finish(`closed after ${received} bytes`))
    socket.on("data", (chunk: Buffer) => {
      if (received === -1) {
        head += chunk.toString("latin1")
        const end = head.indexOf("\r\n\r\n")
        if (end === -1) return
        if (!head.startsWith("HTTP/1.1 200")) return finish(head.slice(0, 100))
        received = head.length - end - 4
        firstBytes.push((performance.now() - began) / 1000)
      } else {
        received += chunk.length
      }
      if (received >= Number(size)) return finish(received > Number(size) ? "too many bytes" : undefined)
      since += chunk.length
      if (isSlow && since >= 64 * 1024) {
        since = 0
        socket.pause()
        setTimeout(() => socket.resume(), 100)
      }
    })
    socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`)
  })

const began = performance.now()
await Promise.all(Array.from({ length: Number(clients) }, (_, index) => client(index < Number(slow))))
const outcome: CrowdOutcome = {
  failures: failures.slice(0, 20).concat(failures.length > 20 ? [`and ${failures.length - 20} more`] : []),
  seconds: (performance.now() - began) / 1000,
  ...percentiles(firstBytes)
}
process.stdout.write(JSON.stringify(outcome))
