import type { CacheResult } from "@registry-packages-proxy/digest-cache/CacheResult"
import type { Cause } from "effect"
import { randomUUID } from "node:crypto"
import type { IncomingMessage } from "node:http"
import { clientAddress } from "./ClientAddress.ts"
import type { PackageQuery } from "./PackageQuery.ts"
import type { RouteLabel } from "./Routes.ts"

/** The facts about a request, collected while it is answered, for its log line, metrics and span. */
export interface RequestRecord {
  readonly requestId: string
  readonly route: RouteLabel
  /** The remote address of the connection. */
  readonly clientAddress: string | undefined
  /** The name of the user whom the secure port authenticated. */
  user: string | undefined
  /** The number of body bytes that were written to the connection. */
  bytes: number
  cacheResult: CacheResult | undefined
  /** The requested package; undefined for another route and for an invalid query. */
  query: PackageQuery | undefined
  /**
   * The time at which the body's first byte was written, in milliseconds since the epoch. Undefined if the body is not
   * streamed.
   */
  firstByteAt: number | undefined
  /** The type of the request's error, from a fixed set. */
  error: string | undefined
  /** The failure or defect of the request; undefined if there is none. */
  cause: Cause.Cause<unknown> | undefined
  /** The host of the registry that was asked; undefined if none was asked. */
  upstream: string | undefined
  /** True if the response began but could not be completed. */
  aborted: boolean
  /** True if the request was rejected before it was read. */
  readonly isUnread: boolean
}

/** Makes the record of a request. `unread` is given if the request was rejected before it was read. */
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
