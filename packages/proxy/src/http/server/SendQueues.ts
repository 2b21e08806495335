import { Context, Effect } from "effect"

/** The ports of a TCP connection. */
export interface ConnectionPorts {
  readonly localPort?: number | undefined
  readonly remotePort?: number | undefined
}

/**
 * Returns the length of the kernel's send queue of a connection: the number of bytes that the client has not
 * acknowledged yet. Undefined if unknown.
 */
export type SendQueueLookup = (ports: ConnectionPorts) => number | undefined

/** Linux's tables of TCP connections in the process's network namespace (proc_net_tcp). */
const tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"] as const

const portOf = (hex: string): number => Number.parseInt(hex.slice(hex.lastIndexOf(":") + 1), 16)

const keyOf = (localPort: number, remotePort: number): number => localPort * 65_536 + remotePort

/**
 * Parses the contents of `tables`: addresses and ports, the state, and `tx_queue:rx_queue`, all in hexadecimal.
 * Connections with the same ports but different addresses share one sum, so a stalled client may seem to make progress.
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

/** Reads the kernel's current send queues. If they cannot be read, the length of every queue is unknown. */
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
