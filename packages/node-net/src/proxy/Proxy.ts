import { Data, Redacted, Result } from "effect"
import { HttpUrl } from "../HttpUrl.ts"

/** A proxy that connections go through. */
export interface Proxy {
  /** How it is spoken to; a tunnel through it may hold TLS of its own. */
  readonly protocol: "http:" | "https:"
  readonly hostname: string
  readonly port: number
  /** The value of Proxy-Authorization, where its address has a user. */
  readonly authorization: Redacted.Redacted | undefined
  /** What names it, for messages: `HTTPS_PROXY`, `no_proxy`, `proxy-url`. */
  readonly source: string
}

/** A proxy's address that cannot be used. `reason` shows nothing of it. */
export class UnusableProxy extends Data.TaggedError("UnusableProxy")<{
  readonly source: string
  readonly reason: string
}> {}

/** What is accepted, for messages. */
export const acceptedProxies = "http://[USER:PASSWORD@]HOST[:PORT], https://..., or HOST[:PORT]"

const authorizationOf = ({ userInfo }: HttpUrl): Redacted.Redacted | undefined =>
  userInfo === undefined
    ? undefined
    : Redacted.make(
        `Basic ${Buffer.from(`${userInfo.username}:${Redacted.value(userInfo.password)}`).toString("base64")}`
      )

const otherSchemes = /^(?:socks(?:4|4a|5|5h)?|ftp|file|wss?|tcp|ssh|quic|h2)$/i

/**
 * Reads a proxy's address as golang.org/x/net/http/httpproxy does: without a scheme, http is meant. What net/http then
 * refuses at each request is refused here: socks5 too, which it can do and this program cannot.
 */
export const parseProxy = (text: string, source: string): Result.Result<Proxy, UnusableProxy> => {
  const unusable = (reason: string) => Result.fail(new UnusableProxy({ source, reason }))
  const bytes = Buffer.from(text.trim(), "utf8").toString("latin1")
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(bytes)?.[1]?.toLowerCase()
  if (scheme !== undefined && scheme !== "http" && scheme !== "https") {
    return unusable(
      otherSchemes.test(scheme) ? `its scheme is ${scheme}` : "its scheme is neither http nor https"
    )
  }
  // Go takes the scheme for the name of a host here.
  if (scheme === undefined && /^https?:(?:\/|$)/i.test(bytes))
    return unusable("it has no host after its scheme")
  return Result.mapBoth(HttpUrl.parse(scheme === undefined ? `http://${bytes}` : bytes), {
    onFailure: () => new UnusableProxy({ source, reason: "it is not the address of a proxy" }),
    onSuccess: (address) => ({
      protocol: address.protocol,
      hostname: address.hostname,
      port: address.port,
      authorization: authorizationOf(address),
      source
    })
  })
}
