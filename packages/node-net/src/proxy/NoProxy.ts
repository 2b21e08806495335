import type { BlockList } from "node:net"
import { toAscii } from "../HostName.ts"
import { net } from "../NodeModules.ts"

/** A server and its port. `hostname` is a name in lowercase ASCII or an IP address without brackets. */
export interface Destination {
  readonly hostname: string
  readonly port: number
}

/** An IP address without a zone. An IPv4-mapped IPv6 address is converted to IPv4. */
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

/** Parses a subnet, such as `10.0.0.0/8`. Returns undefined if the text is not a subnet. Source: Go's net.ParseCIDR. */
const subnet = (text: string): Matcher | undefined => {
  const [, network = "", digits = ""] = /^([^/%]+)\/(\d{1,3})$/.exec(text) ?? []
  const address = addressOf(network)
  if (address === undefined || Number(digits) > (network.includes(":") ? 128 : 32)) return undefined
  // An IPv4-mapped address with a prefix shorter than 96 bits is an IPv6 subnet.
  const isMapped = network.includes(":") && address.family === "ipv4" && Number(digits) >= 96
  const family = isMapped || !network.includes(":") ? "ipv4" : "ipv6"
  const list = new net.BlockList()
  if (isMapped) list.addSubnet(address.text, Number(digits) - 96, family)
  else list.addSubnet(network, Number(digits), family)
  return (_, other) => other?.family === family && isIn(list, other)
}

/** Splits host and port. The port is empty if the text has no port. Source: Go's net.SplitHostPort. */
const splitPort = (text: string): readonly [host: string, port: string] => {
  // Removes the brackets of an address with or without a port. Go removes them only before a port.
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
  const ip = host.includes("%") ? undefined : addressOf(host)
  if (ip !== undefined) {
    return (destination, address) => address?.text === ip.text && isPort(port, destination)
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
 * Parses the value of NO_PROXY. Returns a function that is true for servers that are reached without a proxy. It is
 * always true for loopback servers. Follows golang.org/x/net/http/httpproxy.
 *
 * Entries are separated by commas. An entry is a name, an IP address, a subnet, or `*` for all servers. A name matches
 * the server with this name and all its subdomains. An entry that begins with `.` or `*.` matches only the subdomains.
 * Names and addresses may have a port. Other entries are skipped.
 */
export const parse = (text: string): ((destination: Destination) => boolean) => {
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
