import { Context, Effect } from "effect"

/** The ports of a TCP connection. */
export interface ConnectionPorts {
  readonly localPort?: number | undefined
  readonly remotePort?: number | undefined
}

/**
 * Returns the number of a connection's bytes that are in the kernel's send queue because the client has not
 * acknowledged them. Undefined if the number is unknown.
 */
export type SendQueueLookup = (ports: ConnectionPorts) => number | undefined

/**
 * The files in which Linux lists the TCP connections of the process's network namespace. Source: proc_net_tcp in the
 * kernel's documentation.
 */
const tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"] as const

const portOf = (hex: string): number => Number.parseInt(hex.slice(hex.lastIndexOf(":") + 1), 16)

const keyOf = (localPort: number, remotePort: number): number => localPort * 65_536 + remotePort

/**
 * Parses the contents of /proc/self/net/tcp and /proc/self/net/tcp6. Each line contains a connection's addresses, ports
 * and state in hexadecimal, and the lengths of its queues as `tx_queue:rx_queue`. If several connections have the same
 * ports but different addresses, the lookup returns the sum of their send queues. A stalled client may then seem to
 * make progress, because the queue of another connection changes the sum.
 */
export const parse = (...texts: ReadonlyArray<string>): SendQueueLookup => {
  const bytes = new Map<number, number>()
  for (const line of texts.flatMap((text) => text.split("\n"))) {
    const [, local, remote, , queues] = line.trim().split(/ +/, 5)
    if (local === undefined || remote === undefined || queues === undefined) continue
    const key = keyOf(portOf(local), portOf(remote))
    bytes.set(key, (bytes.get(key) ?? 0) + Number.parseInt(queues, 16))
  }
  return ({ localPort, remotePort }) =>
    localPort === undefined || remotePort === undefined ? undefined : bytes.get(keyOf(localPort, remotePort))
}

/**
 * Reads the kernel's current send queues. If they cannot be read, the length of every queue is unknown. A test may
 * replace this effect.
 */
export const ReadSendQueues = Context.Reference<Effect.Effect<SendQueueLookup>>(
  "@registry-packages-proxy/proxy/http/SendQueues",
  {
    defaultValue: () => {
      const { readFile } = process.getBuiltinModule("node:fs/promises")
      const read = (path: string) =>
        Effect.orElseSucceed(
          Effect.tryPromise(() => readFile(path, "latin1")),
          () => ""
        )
      return Effect.map(Effect.all(tables.map(read), { concurrency: "unbounded" }), (texts) =>
        parse(...texts)
      )
    }
  }
)
