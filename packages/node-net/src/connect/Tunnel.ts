import { Effect, Redacted } from "effect"
import type { Socket } from "node:net"
import { ConnectionFailure, fromCause } from "../ConnectionFailure.ts"
import { HeadReader } from "../http/HeadReader.ts"
import type { Proxy } from "../proxy/Proxy.ts"
import { userAgent } from "../UserAgent.ts"

/** A failure that a proxy is to blame for; `detail` says what it did. */
const proxyFailure = ({ source }: Proxy, detail: string, isPassing: boolean): ConnectionFailure =>
  new ConnectionFailure({
    kind: "proxy",
    detail: `the proxy that ${source} names ${detail}`,
    isPassing,
    proxy: source
  })

/** The failure of the way to a proxy, which is not the server's. */
export const blaming =
  ({ source }: Proxy) =>
  ({ detail, isPassing, kind }: ConnectionFailure): ConnectionFailure =>
    new ConnectionFailure({
      kind,
      detail: `the proxy that ${source} names cannot be used: ${detail}`,
      isPassing,
      proxy: source
    })

/** The failure of a proxy that lets nobody through without (other) credentials. */
export const proxyWantsCredentials = (proxy: Proxy): ConnectionFailure =>
  proxyFailure(
    proxy,
    proxy.authorization === undefined
      ? "wants a user and a password, and its address has none (407)"
      : "refused the user and password of its address (407)",
    false
  )

const refused = (proxy: Proxy, status: number): ConnectionFailure => {
  if (status === 407) return proxyWantsCredentials(proxy)
  if (status === 403) return proxyFailure(proxy, "does not let this program through to it (403)", false)
  return proxyFailure(proxy, `opened no tunnel to it (${status})`, status >= 500 || status === 429)
}

const endedEarly = (proxy: Proxy): ConnectionFailure =>
  proxyFailure(proxy, "closed the connection instead of opening a tunnel to it", true)

/** Has a proxy connect a socket to `endpoint` (`host:port`), by CONNECT. Source: RFC 9110, section 9.3.6. */
export const openTunnel = (
  socket: Socket,
  proxy: Proxy,
  endpoint: string
): Effect.Effect<void, ConnectionFailure> =>
  Effect.callback((resume) => {
    // What happened before anybody listened is not told again.
    if (socket.destroyed) return resume(Effect.fail(endedEarly(proxy)))
    const reader = new HeadReader()
    const finish = (result: Effect.Effect<void, ConnectionFailure>): void => {
      socket.off("data", onData)
      socket.off("error", onError)
      socket.off("end", onEnd)
      socket.off("close", onEnd)
      resume(result)
    }
    const onData = (bytes: Buffer): void => {
      const end = reader.take(bytes)
      if (end instanceof ConnectionFailure) return finish(Effect.fail(blaming(proxy)(end)))
      if (end === undefined) return
      const head = reader.finish()
      const rest = bytes.subarray(end)
      if (head instanceof ConnectionFailure) return finish(Effect.fail(blaming(proxy)(head)))
      if (head.status < 200) return rest.length > 0 ? onData(rest) : undefined
      if (head.status >= 300) return finish(Effect.fail(refused(proxy, head.status)))
      socket.pause()
      // A server speaks TLS only once it was spoken to, but who knows.
      if (rest.length > 0) socket.unshift(rest)
      finish(Effect.void)
    }
    const onError = (error: Error): void => finish(Effect.fail(blaming(proxy)(fromCause(error))))
    const onEnd = (): void => finish(Effect.fail(endedEarly(proxy)))
    socket.on("data", onData)
    socket.on("error", onError)
    socket.on("end", onEnd)
    socket.on("close", onEnd)
    const authorization =
      proxy.authorization === undefined
        ? ""
        : `proxy-authorization: ${Redacted.value(proxy.authorization)}\r\n`
    socket.write(
      `CONNECT ${endpoint} HTTP/1.1\r\nhost: ${endpoint}\r\nuser-agent: ${userAgent}\r\n${authorization}\r\n`
    )
    return Effect.sync(() => void socket.destroy())
  })
