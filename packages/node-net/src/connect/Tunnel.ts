import { Effect, Redacted } from "effect"
import type { Socket } from "node:net"
import { ConnectionFailure, fromCause } from "../ConnectionFailure.ts"
import { HeadReader } from "../http/HeadReader.ts"
import type { Proxy } from "../proxy/Proxy.ts"
import { userAgent } from "../UserAgent.ts"

/** Returns the failure of a proxy. `action` is the end of the message, such as `did not open a tunnel to it`. */
const proxyFailure = ({ setting }: Proxy, action: string, isRetryable: boolean): ConnectionFailure =>
  new ConnectionFailure({
    kind: "proxy",
    detail: `the proxy in ${setting} ${action}`,
    isRetryable,
    proxySetting: setting
  })

/** Adds the name of the proxy's setting to a failure that occurred on the connection to the proxy. */
export const asProxyFailure =
  ({ setting }: Proxy) =>
  ({ detail, isRetryable, kind }: ConnectionFailure): ConnectionFailure =>
    new ConnectionFailure({
      kind,
      detail: `the proxy in ${setting} cannot be used: ${detail}`,
      isRetryable,
      proxySetting: setting
    })

/** Returns the failure for a proxy that answers with status 407, because credentials are missing or wrong. */
export const proxyAuthenticationRequired = (proxy: Proxy): ConnectionFailure =>
  proxyFailure(
    proxy,
    proxy.authorization === undefined
      ? "requires a user and a password, and its address has none (407)"
      : "refused the user and password of its address (407)",
    false
  )

const tunnelRefused = (proxy: Proxy, status: number): ConnectionFailure => {
  if (status === 407) return proxyAuthenticationRequired(proxy)
  if (status === 403) return proxyFailure(proxy, "forbids this program to connect to it (403)", false)
  return proxyFailure(proxy, `did not open a tunnel to it (${status})`, status >= 500 || status === 429)
}

const endedEarly = (proxy: Proxy): ConnectionFailure =>
  proxyFailure(proxy, "closed the connection instead of opening a tunnel to it", true)

/** Opens a tunnel to `endpoint` (`host:port`) by CONNECT on a socket to the proxy. Source: RFC 9110, section 9.3.6. */
export const openTunnel = (
  socket: Socket,
  proxy: Proxy,
  endpoint: string
): Effect.Effect<void, ConnectionFailure> =>
  Effect.callback((resume) => {
    // Earlier events are not emitted again, so the state is checked first.
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
      if (end instanceof ConnectionFailure) return finish(Effect.fail(asProxyFailure(proxy)(end)))
      if (end === undefined) return
      const head = reader.finish()
      const rest = bytes.subarray(end)
      if (head instanceof ConnectionFailure) return finish(Effect.fail(asProxyFailure(proxy)(head)))
      if (head.status < 200) return rest.length > 0 ? onData(rest) : undefined
      if (head.status >= 300) return finish(Effect.fail(tunnelRefused(proxy, head.status)))
      socket.pause()
      // A TLS server does not send first. If it does, its bytes are put back into the socket.
      if (rest.length > 0) socket.unshift(rest)
      finish(Effect.void)
    }
    const onError = (error: Error): void => finish(Effect.fail(asProxyFailure(proxy)(fromCause(error))))
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
