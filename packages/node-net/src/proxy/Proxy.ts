import { Data, Redacted, Result } from "effect"
import { HttpUrl } from "../HttpUrl.ts"

/** A forward proxy and the credentials for it. */
export interface Proxy {
  /** The protocol of the connection to the proxy. A tunnel to an https server works with both. */
  readonly protocol: "http:" | "https:"
  readonly hostname: string
  readonly port: number
  /** The value of the Proxy-Authorization field. Undefined if the proxy's address has no credentials. */
  readonly authorization: Redacted.Redacted | undefined
  /**
   * The name of the setting that contains the proxy's address, such as `HTTPS_PROXY` or `proxy-url`. Used in error
   * messages.
   */
  readonly setting: string
}

const accepted = "http://[USER:PASSWORD@]HOST[:PORT], https://..., or HOST[:PORT]"

/** The error for a proxy address that cannot be used. Contains no part of the address, which may hold credentials. */
export class UnusableProxy extends Data.TaggedError("UnusableProxy")<{
  /** The name of the setting with the address, such as `HTTPS_PROXY` or `proxy-url`. */
  readonly setting: string
  readonly reason: string
}> {
  override get message(): string {
    return `${this.setting}: ${this.reason}; accepted: ${accepted}`
  }
}

const authorizationOf = ({ userInfo }: HttpUrl): Redacted.Redacted | undefined =>
  userInfo === undefined
    ? undefined
    : Redacted.make(
        `Basic ${Buffer.from(`${userInfo.username}:${Redacted.value(userInfo.password)}`).toString("base64")}`
      )

const otherSchemes = /^(?:socks(?:4|4a|5|5h)?|ftp|file|wss?|tcp|ssh|quic|h2)$/i

/**
 * Parses a proxy address as golang.org/x/net/http/httpproxy does, with http as the default scheme. Also fails for
 * addresses that Go parses without an error but cannot use. Fails for socks5 too, because node-net does not support
 * socks5. `setting` is the name of the setting with the address.
 */
export const parseProxy = (text: string, setting: string): Result.Result<Proxy, UnusableProxy> => {
  const unusable = (reason: string) => Result.fail(new UnusableProxy({ setting, reason }))
  const bytes = Buffer.from(text.trim(), "utf8").toString("latin1")
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(bytes)?.[1]?.toLowerCase()
  if (scheme !== undefined && scheme !== "http" && scheme !== "https") {
    return unusable(
      otherSchemes.test(scheme) ? `its scheme is ${scheme}` : "its scheme is neither http nor https"
    )
  }
  // Go would read the scheme as a host name.
  if (scheme === undefined && /^https?:(?:\/|$)/i.test(bytes))
    return unusable("it has no host after its scheme")
  return Result.mapBoth(HttpUrl.parse(scheme === undefined ? `http://${bytes}` : bytes), {
    onFailure: () => new UnusableProxy({ setting, reason: "it is not the address of a proxy" }),
    onSuccess: (address) => ({
      protocol: address.protocol,
      hostname: address.hostname,
      port: address.port,
      authorization: authorizationOf(address),
      setting
    })
  })
}
