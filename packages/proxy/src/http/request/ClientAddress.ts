const mapped = "::ffff:"

/** The part of a Node socket that contains the remote address. */
export interface PeerAddress {
  readonly remoteAddress?: string | undefined
}

/**
 * Returns the remote address of a connection. Undefined if the connection is closed. An IPv4 address that a dual-stack
 * socket maps to IPv6 is returned as IPv4 (RFC 4291, section 2.5.5.2).
 */
export const clientAddress = ({ remoteAddress: address }: PeerAddress): string | undefined =>
  address?.startsWith(mapped) === true && address.includes(".") ? address.slice(mapped.length) : address
