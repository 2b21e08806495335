import { Result } from "effect"
import { ConnectionFailure } from "../ConnectionFailure.ts"
import type { EnvironmentVariables } from "../EnvironmentVariables.ts"
import * as NoProxy from "./NoProxy.ts"
import { parseProxy, type Proxy, type UnusableProxy } from "./Proxy.ts"

/** Chooses the proxy for a request. */
export interface ProxySettings {
  /**
   * Returns the proxy for a server. Undefined for a direct connection. Fails for an http server if HTTP_PROXY is set in
   * a CGI program, because a client can set HTTP_PROXY there.
   */
  readonly proxyFor: (
    protocol: "http:" | "https:",
    destination: NoProxy.Destination
  ) => Result.Result<Proxy | undefined, ConnectionFailure>
}

/** Chooses a direct connection for every server. */
export const none: ProxySettings = { proxyFor: () => Result.succeed(undefined) }

/**
 * Makes settings with one proxy for all servers, including loopback. client-go does the same with the `proxy-url` of a
 * kubeconfig.
 */
export const forAllServers = (
  address: string,
  setting: string
): Result.Result<ProxySettings, UnusableProxy> =>
  Result.map(parseProxy(address, setting), (proxy) => ({ proxyFor: () => Result.succeed(proxy) }))

interface Variable {
  readonly name: string
  readonly value: string
}

/** Returns the lowercase variable if it is not empty, or else the uppercase variable. Undefined if both are empty. */
const find = (env: EnvironmentVariables, name: string): Variable | undefined => {
  for (const each of [name.toLowerCase(), name]) {
    const value = env[each]?.trim() ?? ""
    if (value !== "") return { name: each, value }
  }
  return undefined
}

// A CGI server sets HTTP_PROXY from the client's Proxy header.
const refusedByCgi = (name: string): ConnectionFailure =>
  new ConnectionFailure({
    kind: "proxy",
    detail: `${name} cannot be trusted while REQUEST_METHOD is set too, as in a CGI program; unset one of them`,
    isRetryable: false,
    proxySetting: name
  })

/**
 * Reads HTTP_PROXY, HTTPS_PROXY and NO_PROXY by the rules of golang.org/x/net/http/httpproxy (0.58 or newer). Lowercase
 * variables take precedence. Unlike Go, removes blanks around values. An unusable proxy address is an error, although
 * Go ignores it. A socks5 address is an error too, although Go can use it.
 */
export const fromEnvironment = (env: EnvironmentVariables): Result.Result<ProxySettings, UnusableProxy> =>
  Result.gen(function* () {
    const [http, https] = ["HTTP_PROXY", "HTTPS_PROXY"].map((name) => find(env, name))
    const proxies = {
      "http:": http === undefined ? undefined : yield* parseProxy(http.value, http.name),
      "https:": https === undefined ? undefined : yield* parseProxy(https.value, https.name)
    }
    const isDirect = NoProxy.parse(find(env, "NO_PROXY")?.value ?? "")
    const isCgi = (env["REQUEST_METHOD"] ?? "") !== ""
    return {
      proxyFor: (protocol, destination) => {
        const proxy = proxies[protocol]
        if (proxy === undefined) return Result.succeed(undefined)
        if (protocol === "http:" && isCgi) return Result.fail(refusedByCgi(proxy.setting))
        return Result.succeed(isDirect(destination) ? undefined : proxy)
      }
    }
  })
