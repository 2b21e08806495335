import type { BlockList } from "node:net"
import { net, url } from "../NodeModules.ts"

/** A server, as a request names it: a name in lowercase ASCII, or an address without brackets. */
export interface Destination {
  readonly hostname: string
  readonly port: number
}

type Matcher = (destination: Destination, family: 0 | 4 | 6) => boolean

const familyOf = (address: string): 0 | 4 | 6 => net.isIP(address) as 0 | 4 | 6

const withoutZone = (address: string): string => address.split("%", 1)[0] ?? ""

const nameOf = (family: 4 | 6) => (family === 4 ? "ipv4" : "ipv6")

const isIn = (list: BlockList, { hostname }: Destination, family: 0 | 4 | 6): boolean =>
  family !== 0 && list.check(withoutZone(hostname), nameOf(family))

/** A subnet, or undefined where the text is none. Source: Go's net.ParseCIDR. */
const subnet = (text: string): Matcher | undefined => {
  const [, address = "", bits = ""] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? []
  const family = familyOf(address)
  if (family === 0 || address.includes("%") || Number(bits) > (family === 4 ? 32 : 128)) return undefined
  const list = new net.BlockList()
  list.addSubnet(address, Number(bits), nameOf(family))
  return (destination, family) => isIn(list, destination, family)
}

/** Host and port, where the text ends in a port. Source: Go's net.SplitHostPort. */
const splitPort = (text: string): readonly [host: string, port: string] => {
  // Brackets without a port are no address for Go.
  const [, bracketed, name, port = ""] = /^(?:\[([^[\]]*)\](?=:|$)|([^:[\]]*)(?=:))(?::([^:[\]]*))?$/.exec(text) ?? []
  const host = bracketed ?? name
  return host === undefined ? [text, ""] : [host, port]
}

const isPort = (port: string, destination: Destination): boolean => port === "" || port === String(destination.port)

const matcherOf = (text: string): Matcher | undefined => {
  const net4or6 = subnet(text)
  if (net4or6 !== undefined) return net4or6
  const [host, port] = splitPort(text)
  const family = familyOf(host)
  if (family !== 0 && !host.includes("%")) {
    const list = new net.BlockList()
    list.addAddress(host, nameOf(family))
    return (destination, family) => isIn(list, destination, family) && isPort(port, destination)
  }
  if (host === "") return undefined
  const glob = host.startsWith("*.") ? host.slice(1) : host
  const suffix = glob.startsWith(".") ? glob : `.${glob}`
  const ascii = /^[\0-\x7f]*$/.test(suffix) ? suffix : `.${url.domainToASCII(suffix.slice(1)) || suffix.slice(1)}`
  return (destination, family) =>
    family === 0 &&
    (destination.hostname.endsWith(ascii) || (glob === suffix.slice(1) && destination.hostname === ascii.slice(1))) &&
    isPort(port, destination)
}

const isLoopback = (hostname: string, family: 0 | 4 | 6): boolean =>
  hostname === "localhost" ||
  (family === 4 && hostname.startsWith("127.")) ||
  (family === 6 && /^(?:::1|::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}|::ffff:127\..*)$/.test(hostname))

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
    const family = familyOf(destination.hostname)
    return (
      isAll ||
      isLoopback(destination.hostname, family) ||
      matchers.some((matches) => matches(destination, family))
    )
  }
}
