import type { CacheResult } from "@registry-packages-proxy/digest-cache/CacheResult"
import type { Cause } from "effect"
import { randomUUID } from "node:crypto"
import type { IncomingMessage } from "node:http"
import { clientAddress } from "./ClientAddress.ts"
import type { PackageQuery } from "./PackageQuery.ts"
import type { RouteLabel } from "./Routes.ts"

/** The facts about a request for its log line, metrics and span. They are collected while the request is answered. */
export interface RequestRecord {
  readonly requestId: string
  readonly route: RouteLabel
  /** The remote address of the connection. Undefined if the connection is closed. */
  readonly clientAddress: string | undefined
  /** The name of the user whom the secure port authenticated. Undefined if there is none. */
  user: string | undefined
  /** The number of body bytes that were written to the connection. */
  bytes: number
  cacheResult: CacheResult | undefined
  /** The requested package. Undefined if no query for a package was parsed, or if the query is not valid. */
  query: PackageQuery | undefined
  /**
   * The time at which the body's first byte was written, in milliseconds since the epoch. Undefined if the body is not
   * streamed.
   */
  firstByteAt: number | undefined
  /** The type of the request's error, from a fixed set of names. Undefined if there is no error. */
  error: string | undefined
  /** The failure or defect of the request. Undefined if there is none. */
  cause: Cause.Cause<unknown> | undefined
  /** The host of the registry to which the program sent requests for the package. Undefined if there is none. */
  upstream: string | undefined
  /** True if the response began but could not be completed. */
  aborted: boolean
  /** True if a listener rejected the request before the application received it. */
  readonly isUnread: boolean
}

/**
 * Makes the record of a request. `unread` is given if a listener rejected the request before the application received
 * it.
 */
export const make = (
  route: RouteLabel,
  { socket }: Pick<IncomingMessage, "socket">,
  unread?: { readonly requestId: string; readonly error: string }
): RequestRecord => ({
  requestId: unread?.requestId ?? randomUUID(),
  route,
  clientAddress: clientAddress(socket),
  user: undefined,
  bytes: 0,
  cacheResult: undefined,
  query: undefined,
  firstByteAt: undefined,
  error: unread?.error,
  cause: undefined,
  upstream: undefined,
  aborted: false,
  isUnread: unread !== undefined
})
