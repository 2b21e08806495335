import type { Socket } from "node:net"

const mapped = "::ffff:"

/**
 * The address that a connection comes from. An IPv4 one is written as such, though a socket of both families maps it into
 * an IPv6 one (RFC 4291, section 2.5.5.2).
 */
export const clientAddress = ({ remoteAddress: address }: Socket): string | undefined =>
  address?.startsWith(mapped) === true && address.includes(".") ? address.slice(mapped.length) : address
