import type { Socket } from "node:net"

const mapped = "::ffff:"

/**
 * The remote address of a connection. An IPv4 address that a dual-stack socket maps to IPv6 is written as IPv4 (RFC
 * 4291, section 2.5.5.2).
 */
export const clientAddress = ({ remoteAddress: address }: Socket): string | undefined =>
  address?.startsWith(mapped) === true && address.includes(".") ? address.slice(mapped.length) : address
