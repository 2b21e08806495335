import type { BlockList } from "node:net"
import { toAscii } from "../HostName.ts"
import { net } from "../NodeModules.ts"

/** A server, as a request names it: a name in lowercase ASCII, or an address without brackets. */
export interface Destination {
  readonly hostname: string
  readonly port: number
}

/** An address: IPv4 where it is one in IPv6's clothes, without a zone. */
interface Address {
  readonly text: string
  readonly family: "ipv4" | "ipv6"
}

type Matcher = (destination: Destination, address: Address | undefined) => boolean

const addressOf = (text: string): Address | undefined => {
  const [plain = ""] = text.split("%", 1)
  const family = net.isIP(plain)
  if (family === 0) return undefined
  if (family === 4) return { text: plain, family: "ipv4" }
  const { hostname } = new URL(`http://[${plain}]`)
  const [, high, low] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(hostname) ?? []
  if (high === undefined || low === undefined) return { text: hostname.slice(1, -1), family: "ipv6" }
  const bits = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return { text: bits.flatMap((pair) => [pair >> 8, pair & 255]).join("."), family: "ipv4" }
}

const isIn = (list: BlockList, address: Address | undefined): boolean =>
  address !== undefined && list.check(address.text, address.family)

/** A subnet, or undefined where the text is none. Source: Go's net.ParseCIDR. */
const subnet = (text: string): Matcher | undefined => {
  const [, network = "", digits = ""] = /^([^/%]+)\/(\d{1,3})$/.exec(text) ?? []
  const address = addressOf(network)
  if (address === undefined || Number(digits) > (network.includes(":") ? 128 : 32)) return undefined
  // Fewer bits than stand before an IPv4 address in IPv6's clothes are a subnet of IPv6.
  const isMapped = network.includes(":") && address.family === "ipv4" && Number(digits) >= 96
  const family = isMapped || !network.includes(":") ? "ipv4" : "ipv6"
  const list = new net.BlockList()
  if (isMapped) list.addSubnet(address.text, Number(digits) - 96, family)
  else list.addSubnet(network, Number(digits), family)
  return (_, other) => other?.family === family && isIn(list, other)
}

/** Host and port, where the text ends in a port. Source: Go's net.SplitHostPort. */
const splitPort = (text: string): readonly [host: string, port: string] => {
  // Brackets without a port are no address for Go.
  const [, bracketed, name, port = ""] =
    /^(?:\[([^[\]]*)\](?=:|$)|([^:[\]]*)(?=:))(?::([^:[\]]*))?$/.exec(text) ?? []
  const host = bracketed ?? name
  return host === undefined ? [text, ""] : [host, port]
}

const isPort = (port: string, destination: Destination): boolean =>
  port === "" || port === String(destination.port)

const matcherOf = (text: string): Matcher | undefined => {
  const within = subnet(text)
  if (within !== undefined) return within
  const [host, port] = splitPort(text)
  const own = host.includes("%") ? undefined : addressOf(host)
  if (own !== undefined) {
    return (destination, address) => address?.text === own.text && isPort(port, destination)
  }
  if (host === "") return undefined
  const glob = host.startsWith("*.") ? host.slice(1) : host
  const suffix = glob.startsWith(".") ? glob : `.${glob}`
  const ascii = toAscii(suffix.slice(1)) ?? suffix.slice(1)
  const coversItself = glob !== suffix
  return ({ hostname, port: ownPort }, address) =>
    address === undefined &&
    (hostname.endsWith(`.${ascii}`) || (coversItself && hostname === ascii)) &&
    isPort(port, { hostname, port: ownPort })
}

const isLoopback = (hostname: string, address: Address | undefined): boolean =>
  hostname === "localhost" ||
  address?.text === "::1" ||
  (address?.family === "ipv4" && address.text.startsWith("127."))

/**
 * Reads a NO_PROXY: which servers are asked directly. Loopback always is. As golang.org/x/net/http/httpproxy has it: names
 * with their subdomains, with a leading dot (or `*.`) the subdomains alone, addresses, subnets, `*` for all, each but
 * subnets and `*` with a port or without; what is none of these is passed over.
 */
export const make = (text: string): ((destination: Destination) => boolean) => {
  const entries = text
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== "")
  const isAll = entries.includes("*")
  const matchers = isAll ? [] : entries.flatMap((entry) => matcherOf(entry) ?? [])
  return (destination) => {
    const address = addressOf(destination.hostname)
    return (
      isAll ||
      isLoopback(destination.hostname, address) ||
      matchers.some((matches) => matches(destination, address))
    )
  }
}
