import { Option, Result, Schema } from "effect"
import { textSchema } from "../text/TextSchema.ts"

// `getBuiltinModule`, since an import declaration evaluates the module's lazy exports, which stay in memory.
const { isIPv4, isIPv6 } = process.getBuiltinModule("node:net")

/**
 * An address to listen on. Without a host, the server listens on every interface, IPv6 and IPv4. An IPv6 `host` has no
 * brackets. With port 0, the operating system chooses a free port.
 */
export class ListenAddress extends Schema.Class<ListenAddress>("ListenAddress")({
  host: Schema.Option(Schema.String),
  port: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65535 }))
}) {
  /** Returns the address as options of Node's `net.Server.listen`. */
  get listenOptions(): { readonly host?: string; readonly port: number } {
    return Option.match(this.host, {
      onNone: () => ({ port: this.port }),
      onSome: (host) => ({ host, port: this.port })
    })
  }
  override toString(): string {
    const host = Option.getOrElse(this.host, () => "")
    return `${host.includes(":") ? `[${host}]` : host}:${this.port}`
  }
}

const label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
// A last label of only digits is a mistyped IPv4 address (RFC 1123, 2.1).
const hostName = new RegExp(`^(?:${label}\\.)*(?![0-9]+\\.?$)${label}\\.?$`)

const parseHost = (text: string): Result.Result<Option.Option<string>, string> => {
  if (text === "") return Result.succeed(Option.none())
  if (text.startsWith("[") && text.endsWith("]")) {
    const address = text.slice(1, -1)
    return isIPv6(address)
      ? Result.succeed(Option.some(address))
      : Result.fail("has no IPv6 address in its brackets")
  }
  if (text.includes(":")) {
    return Result.fail(
      text.includes("//")
        ? "is a URL"
        : isIPv6(text)
          ? "has an IPv6 address without brackets"
          : "has more than one port"
    )
  }
  return isIPv4(text) || (text.length <= 253 && hostName.test(text))
    ? Result.succeed(Option.some(text))
    : Result.fail("has a malformed host")
}

/** Parses `host:port`, `:port` or `[IPv6]:port`. Fails if the host or the port is not valid. */
export const parse = (text: string): Result.Result<ListenAddress, string> => {
  const colon = text.lastIndexOf(":")
  if (colon < 0 || text.endsWith("]")) return Result.fail("has no port")
  const port = text.slice(colon + 1)
  if (port === "") return Result.fail("has no port")
  if (!/^[0-9]{1,5}$/.test(port) || Number(port) > 65535)
    return Result.fail("has a port that is not from 0 to 65535")
  return Result.map(
    parseHost(text.slice(0, colon)),
    (host) => new ListenAddress({ host, port: Number(port) })
  )
}

/** Decodes an address as `parse` does. Decodes `off` to none, which means that there is no listener. */
export const ListenAddressOrOff = textSchema(
  Schema.Option(Schema.instanceOf(ListenAddress)),
  (text) => (text === "off" ? Result.succeed(Option.none()) : Result.map(parse(text), Option.some)),
  (address) => Option.match(address, { onNone: () => "off", onSome: String })
)
