import type { CacheResult } from "@registry-packages-proxy/digest-cache/CacheResult"
import type { Cause } from "effect"
import { randomUUID } from "node:crypto"
import type { IncomingMessage } from "node:http"
import { clientAddress } from "./ClientAddress.ts"
import type { PackageQuery } from "./PackageQuery.ts"
import type { RouteLabel } from "./Routes.ts"

/** What is learned about one request while it is answered, for its log line and its metrics. */
export interface RequestRecord {
  readonly requestId: string
  readonly route: RouteLabel
  /** The address that the connection comes from. */
  readonly clientAddress: string | undefined
  /** The name of the user whom the secure port authenticated. */
  user: string | undefined
  /** Body bytes handed to the connection. */
  bytes: number
  cache: CacheResult | undefined
  /** The package that is asked for, once the query proved valid. */
  query: PackageQuery | undefined
  /** When the first byte of a body went to the connection, in milliseconds since the epoch; not of one sent at once. */
  firstByteAt: number | undefined
  /** The type of the error that it ended with, from a fixed set. */
  error: string | undefined
  /** What it failed with, for its log line. */
  cause: Cause.Cause<unknown> | undefined
  /** The registry that was asked. */
  upstream: string | undefined
  /** The response began and could not be completed. */
  aborted: boolean
}

/** The record of a request that has just come. */
export const make = (route: RouteLabel, { socket }: IncomingMessage): RequestRecord => ({
  requestId: randomUUID(),
  route,
  clientAddress: clientAddress(socket),
  user: undefined,
  bytes: 0,
  cache: undefined,
  query: undefined,
  firstByteAt: undefined,
  error: undefined,
  cause: undefined,
  upstream: undefined,
  aborted: false
})
