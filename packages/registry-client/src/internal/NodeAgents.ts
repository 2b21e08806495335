import { Effect, type Scope } from "effect"
import type * as Http from "node:http"
import type * as Https from "node:https"
import type { OnReadOpts, Socket } from "node:net"
import type { Duplex } from "node:stream"
import type { SecureContext } from "node:tls"
import { http, https } from "./NodeModules.ts"
import * as Taps from "./Taps.ts"
import { connectTimeoutCode } from "./Transport.ts"

export interface AgentOptions {
  readonly connectTimeoutMillis: number
  readonly idleMillis: number
  readonly maxSockets: number
  readonly proxyEnv: Readonly<Record<string, string | undefined>>
  readonly secureContext: SecureContext | undefined
}

export interface Agents {
  readonly http: Http.Agent
  readonly https: Https.Agent
}

type Created = ((error: Error | null, socket: Duplex) => void) | undefined

const ignore = () => {}

/** How much is read off a connection at a time, in bytes. */
const readSize = 256 * 1024

/**
 * Reads into one buffer, used again for every read of every connection: who takes the bytes copies them before it
 * returns. Else each read allocates a buffer of its own, which lives until it is collected.
 */
const makeOnRead = (): OnReadOpts => ({
  buffer: Buffer.allocUnsafeSlow(readSize),
  callback(this: Socket, count: number, buffer: Uint8Array) {
    Taps.deliver(this, buffer.subarray(0, count))
    return true
  }
})

/**
 * Fails a connection that is not there in time, TLS handshake included. Node has no such limit of its own: the
 * `timeout` of an agent is for silence, on a connection in use too.
 */
const limited = (
  connect: (created: Created) => Duplex | null | undefined,
  ready: "connect" | "secureConnect",
  millis: number,
  created: Created
): Duplex | null | undefined => {
  const timer = setTimeout(() => {
    const error = Object.assign(new Error("the connection was not made in time"), {
      code: connectTimeoutCode
    })
    // Behind a tunnelling proxy the request waits for the callback, else for the socket.
    created?.(error, socket as Duplex)
    socket?.on("error", ignore)
    socket?.destroy(error)
  }, millis)
  const stop = () => clearTimeout(timer)
  const socket = connect((error, made) => {
    stop()
    created?.(error, made)
  })
  ;(socket as Socket | undefined)?.once(ready, stop)
  ;(socket as Socket | undefined)?.once("close", stop)
  return socket
}

/** Agents that keep connections alive and are destroyed, connections included, with the scope. */
export const make = (options: AgentOptions): Effect.Effect<Agents, unknown, Scope.Scope> => {
  const { connectTimeoutMillis, idleMillis, maxSockets, proxyEnv, secureContext } = options
  const shared = {
    keepAlive: true,
    timeout: idleMillis,
    maxSockets,
    maxFreeSockets: 16,
    proxyEnv,
    onread: makeOnRead()
  }
  const open = Effect.try({
    try: (): Agents => {
      const plain = new http.Agent(shared)
      const secure = new https.Agent(secureContext === undefined ? shared : { ...shared, secureContext })
      const connectPlain = plain.createConnection.bind(plain)
      const connectSecure = secure.createConnection.bind(secure)
      plain.createConnection = (options, created) =>
        limited((created) => connectPlain(options, created), "connect", connectTimeoutMillis, created)
      secure.createConnection = (options, created) =>
        limited((created) => connectSecure(options, created), "secureConnect", connectTimeoutMillis, created)
      return { http: plain, https: secure }
    },
    catch: (cause) => cause
  })
  return Effect.acquireRelease(open, (agents) =>
    Effect.sync(() => {
      agents.http.destroy()
      agents.https.destroy()
    })
  )
}
