import { Result } from "effect"
import { ConnectionFailure } from "../ConnectionFailure.ts"
import { make as makeNoProxy, type Destination } from "./NoProxy.ts"
import { parseProxy, type Proxy, type UnusableProxy } from "./Proxy.ts"

/** Environment variables, as in `process.env`. */
export type Variables = Readonly<Record<string, string | undefined>>

/** Which proxy a request goes through. */
export interface ProxySettings {
  /** Undefined where the server is asked directly; fails where no request may be sent at all. */
  readonly proxyFor: (
    protocol: "http:" | "https:",
    destination: Destination
  ) => Result.Result<Proxy | undefined, ConnectionFailure>
}

/** No proxy for anybody. */
export const none: ProxySettings = { proxyFor: () => Result.succeed(undefined) }

/** This proxy for everybody, loopback included, as client-go takes a kubeconfig's `proxy-url`. */
export const always = (address: string, source: string): Result.Result<ProxySettings, UnusableProxy> =>
  Result.map(parseProxy(address, source), (proxy) => ({ proxyFor: () => Result.succeed(proxy) }))

interface Found {
  readonly name: string
  readonly value: string
}

/** The lowercase one counts, where it is not empty. */
const find = (variables: Variables, name: string): Found | undefined => {
  for (const each of [name.toLowerCase(), name]) {
    const value = variables[each]?.trim() ?? ""
    if (value !== "") return { name: each, value }
  }
  return undefined
}

// A server that runs CGI programs makes HTTP_PROXY of a header that its client chooses.
const refusedByCgi = (name: string): ConnectionFailure =>
  new ConnectionFailure({
    kind: "proxy",
    detail: `${name} cannot be trusted while REQUEST_METHOD is set too, as in a CGI program; unset one of them`,
    isPassing: false,
    proxy: name
  })

/**
 * The proxies that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name, in either case, by the rules of
 * golang.org/x/net/http/httpproxy. Fails with the variable that cannot be used; Go passes over some of these.
 */
export const fromEnvironment = (variables: Variables): Result.Result<ProxySettings, UnusableProxy> =>
  Result.gen(function* () {
    const [http, https] = ["HTTP_PROXY", "HTTPS_PROXY"].map((name) => find(variables, name))
    const proxies = {
      "http:": http === undefined ? undefined : yield* parseProxy(http.value, http.name),
      "https:": https === undefined ? undefined : yield* parseProxy(https.value, https.name)
    }
    const isDirect = makeNoProxy(find(variables, "NO_PROXY")?.value ?? "")
    const isCgi = (variables["REQUEST_METHOD"] ?? "") !== ""
    return {
      proxyFor: (protocol, destination) => {
        const proxy = proxies[protocol]
        if (proxy === undefined) return Result.succeed(undefined)
        if (protocol === "http:" && isCgi) return Result.fail(refusedByCgi(proxy.source))
        return Result.succeed(isDirect(destination) ? undefined : proxy)
      }
    }
  })
