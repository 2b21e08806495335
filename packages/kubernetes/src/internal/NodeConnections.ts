import type { Agent, IncomingMessage } from "node:http"
import type { AgentOptions } from "node:https"
import type { Socket } from "node:net"
import { Effect, type Scope } from "effect"
import type { ApiRequest } from "../ApiServer.ts"
import type { Access } from "./ClusterAccess.ts"
import { http, https } from "./NodeModules.ts"

/** How long a connection may take, TLS handshake included, in milliseconds. */
const connectTimeout = 5_000

/** After how long a silent connection is asked for a sign of life by the kernel, in milliseconds. */
const keepAliveAfter = 15_000

/** How long a connection is kept without use, in milliseconds; API servers keep theirs for longer. */
const idle = 60_000

/** The code of an error whose connection was not made in time. */
export const connectTimeoutCode = "ERR_CONNECT_TIMEOUT"

const userAgent = "registry-packages-proxy"

/** An answer's head, its body not yet read. */
export type Answer = IncomingMessage

const agentFor = ({ proxy, server, tls }: Access): Agent => {
  const shared: AgentOptions = {
    keepAlive: true,
    timeout: idle,
    maxFreeSockets: 8,
    ...(proxy === undefined ? {} : { proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } })
  }
  if (server.protocol === "http:") return new http.Agent(shared)
  const { ca, cert, key, rejectUnauthorized, servername } = tls
  return new https.Agent({
    ...shared,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized })
  })
}

const watchSocket = (socket: Socket, secure: boolean): void => {
  socket.setKeepAlive(true, keepAliveAfter)
  // The agent's is for connections without use; a watch is silent for as long as nothing happens.
  socket.setTimeout(0)
  if (!socket.connecting) return
  const timer = setTimeout(() => {
    const error = new Error("the connection was not made in time")
    socket.destroy(Object.assign(error, { code: connectTimeoutCode }))
  }, connectTimeout)
  const stop = () => clearTimeout(timer)
  socket.once(secure ? "secureConnect" : "connect", stop)
  socket.once("close", stop)
}

/** A connection that was kept, and that the server had closed just then: nothing was done with the request. */
export class StaleConnection extends Error {}

const targetOf = ({ server }: Access, { path, query }: ApiRequest): string => {
  const search = query === undefined ? "" : `?${new URLSearchParams(query).toString()}`
  return `${server.pathname.replace(/\/$/, "")}${path}${search}`
}

const send = (agent: Agent, access: Access, request: ApiRequest) =>
  Effect.callback<Answer, unknown>((resume) => {
    const secure = access.server.protocol === "https:"
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body))
    const outgoing = (secure ? https : http).request({
      agent,
      protocol: access.server.protocol,
      hostname: access.server.hostname.replace(/^\[|\]$/g, ""),
      ...(access.server.port === "" ? {} : { port: Number(access.server.port) }),
      method: request.method,
      path: targetOf(access, request),
      headers: {
        ...access.headers,
        accept: "application/json",
        "user-agent": userAgent,
        ...(body === undefined ? {} : { "content-type": "application/json", "content-length": body.length })
      }
    })
    outgoing.once("socket", (socket) => watchSocket(socket, secure))
    outgoing.once("response", (answer) => resume(Effect.succeed(answer)))
    outgoing.on("error", (error) =>
      resume(Effect.fail(outgoing.reusedSocket ? new StaleConnection("", { cause: error }) : error))
    )
    outgoing.end(body)
    return Effect.sync(() => void outgoing.destroy())
  })

/** The connections to one API server. */
export interface NodeConnections {
  /** Fails with what Node says. With the scope an answer that was not read to its end takes its connection with it. */
  readonly send: (access: Access, request: ApiRequest) => Effect.Effect<Answer, unknown, Scope.Scope>
}

/** Connections that are kept and shared for as long as they are made in the same way; closed with the scope. */
export const make: Effect.Effect<NodeConnections, never, Scope.Scope> = Effect.gen(function* () {
  let current: { readonly print: string; readonly agent: Agent } | undefined
  const agents = new Set<Agent>()
  yield* Effect.addFinalizer(() => Effect.sync(() => agents.forEach((agent) => agent.destroy())))

  const agentOf = (access: Access): Agent => {
    if (current?.print === access.connectionPrint) return current.agent
    const agent = agentFor(access)
    agents.add(agent)
    // What runs on the old one's connections runs on; they are not kept afterwards.
    if (current !== undefined) {
      const { agent: old } = current
      old.maxFreeSockets = 0
      for (const sockets of Object.values(old.freeSockets)) sockets?.forEach((socket) => socket.destroy())
      agents.delete(old)
    }
    current = { print: access.connectionPrint, agent }
    return agent
  }

  return {
    send: (access, request) =>
      Effect.acquireRelease(
        Effect.suspend(() => send(agentOf(access), access, request)).pipe(
          Effect.retry({ times: 1, while: (error) => error instanceof StaleConnection })
        ),
        (answer) => Effect.sync(() => void answer.destroy()),
        { interruptible: true }
      )
  }
})
