import type { CacheResult } from "@registry-packages-proxy/digest-cache/DigestCache"
import type { Cause } from "effect"
import { randomUUID } from "node:crypto"
import type { IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import type { PackageQuery } from "./PackageQuery.ts"

/** The paths there are. */
export type KnownRoute = "package" | "healthz" | "readyz" | "metrics"

/** The paths there are, and all others as one: the only values a label or a log's route may take. */
export type Route = KnownRoute | "unknown"

const routes: Readonly<Record<string, KnownRoute>> = {
  "/package": "package",
  "/healthz": "healthz",
  "/readyz": "readyz",
  "/metrics": "metrics"
}

/** The route of a path, which must be written just so. */
export const routeOf = (path: string): Route =>
  Object.hasOwn(routes, path) ? (routes[path] ?? "unknown") : "unknown"

/** What is learned about one request while it is answered, for its log line and its metrics. */
export interface Exchange {
  readonly requestId: string
  readonly route: Route
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

const mapped = "::ffff:"

/**
 * The address that a connection comes from. An IPv4 one is written as such, though a socket of both families maps it into
 * an IPv6 one (RFC 4291, section 2.5.5.2).
 */
export const clientAddress = ({ remoteAddress: address }: Socket): string | undefined =>
  address?.startsWith(mapped) === true && address.includes(".") ? address.slice(mapped.length) : address

/** A request of which nothing is learned yet. */
export const make = (route: Route, { socket }: IncomingMessage): Exchange => ({
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
