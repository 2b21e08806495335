import { Context, Effect } from "effect"

/** The two ends of a connection, by their ports. */
export interface Ends {
  readonly localPort?: number | undefined
  readonly remotePort?: number | undefined
}

/** Bytes that the kernel holds for a connection until its other end has taken them; undefined where that is not known. */
export type SendQueue = (ends: Ends) => number | undefined

/** Linux's tables of TCP connections in the process's network namespace (proc_net_tcp). */
const tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"] as const

const portOf = (hex: string): number => Number.parseInt(hex.slice(hex.lastIndexOf(":") + 1), 16)

const keyOf = (localPort: number, remotePort: number): number => localPort * 65_536 + remotePort

/**
 * Reads such tables: the address and port of both ends, the state, and `tx_queue:rx_queue`, all in hexadecimal.
 * Connections of equal ports and different addresses count as one, which may only make a stalled client look alive.
 */
export const parse = (...texts: ReadonlyArray<string>): SendQueue => {
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

/** The kernel's send queues as they are now. Where they cannot be read, none is known. */
export const SendQueues = Context.Reference<Effect.Effect<SendQueue>>(
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
