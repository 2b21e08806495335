import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import type { Platform } from "@registry-packages-proxy/oci/Platform"
import { Clock, Effect, Result } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { AccessControl } from "./access/AccessControl.ts"
import { GracefulShutdown } from "./request/GracefulShutdown.ts"
import { packageHeaders } from "./package/PackageHeaders.ts"
import * as PackageQuery from "./request/PackageQuery.ts"
import * as RequestHead from "./request/RequestHead.ts"
import type { RequestLog } from "./request/RequestLog.ts"
import * as RequestRecord from "./request/RequestRecord.ts"
import * as RequestTarget from "./request/RequestTarget.ts"
import { labelOf } from "./request/Routes.ts"
import * as ServerSpans from "./request/ServerSpans.ts"

/**
 * If a request can be answered without waiting, answers the request and returns true. Otherwise sends nothing and
 * returns false. The application must then handle the request.
 */
export type FastPath = (request: IncomingMessage, response: ServerResponse) => boolean

/** Headers that the fast path does not support. The application handles each request that has one of them. */
const applicationHeaders = [
  "range",
  "if-none-match",
  "content-length",
  "transfer-encoding",
  "expect",
  "upgrade"
] as const

const isEligible = (request: IncomingMessage): boolean =>
  request.method === "GET" &&
  applicationHeaders.every((name) => request.headers[name] === undefined) &&
  RequestHead.problemOf(request) === undefined

/** Maximum number of request targets in the cache of the target parser. */
const maxTargets = 1024

/**
 * Maximum length of a request target that the target parser caches, in characters. Longer targets are parsed for each
 * request.
 */
const maxTargetLength = 512

/**
 * Makes a parser of request targets. For a target that is not a valid package request, the parser returns undefined.
 * The parser caches its results, since many requests have the same few targets.
 */
const makeTargetParser = (): ((target: string) => PackageQuery.PackageQuery | undefined) => {
  const cached = new Map<string, PackageQuery.PackageQuery>()
  return (target) => {
    const hit = cached.get(target)
    if (hit !== undefined) return hit
    const { path, query } = RequestTarget.parse(target)
    if (labelOf(path) !== "package") return undefined
    const parsed = PackageQuery.parse(query)
    if (Result.isFailure(parsed)) return undefined
    if (cached.size >= maxTargets) cached.clear()
    if (target.length <= maxTargetLength) cached.set(target, parsed.success)
    return parsed.success
  }
}

/**
 * Makes the fast path of a listener. The fast path answers requests for small packages that are cached in memory, with
 * the same responses as the application. On the secure port, it also requires a cached decision that allows the caller.
 * It writes directly to Node's response. A response through Effect's server and a fiber would take several times as
 * long.
 */
export const make = Effect.fnUntraced(function* (options: {
  readonly platform: Platform
  /** Maximum number of package requests in progress on all listeners together. */
  readonly maxPackages: number
  readonly log: RequestLog
}) {
  const { log, maxPackages, platform } = options
  const cache = yield* DigestCache
  const gracefulShutdown = yield* GracefulShutdown
  const clock = yield* Clock.Clock
  const spans = yield* ServerSpans.make
  const parseTarget = makeTargetParser()

  return (accessControl: AccessControl | undefined): FastPath =>
    (request, response) => {
      if (!isEligible(request)) return false
      const query = parseTarget(request.url ?? "")
      if (query === undefined) return false
      const { manifestDigest } = query
      if (gracefulShutdown.isDraining() || gracefulShutdown.inProgress() >= maxPackages) return false
      const user = accessControl?.cachedUser(request, "package")
      if (accessControl !== undefined && user === undefined) return false
      const inMemory = DigestCache.findInMemory(cache, { manifestDigest, platform })
      if (inMemory === undefined) {
        if (user !== undefined) accessControl?.markAllowed(request, user)
        return false
      }
      const startMillis = clock.currentTimeMillisUnsafe()
      const record = RequestRecord.make("package", request)
      const startNanos = spans.isRecording ? clock.currentTimeNanosUnsafe() : 0n
      const { bytes, descriptor } = inMemory
      gracefulShutdown.trackResponse(response)
      response.writeHead(
        200,
        packageHeaders({
          manifestDigest,
          descriptor,
          cacheResult: "memory",
          acceptsRanges: true,
          range: undefined
        })
      )
      response.end(bytes)
      record.query = query
      record.user = user
      record.cacheResult = "memory"
      record.bytes = bytes.length
      const span = spans.recordEnded(request, record, 200, startNanos)
      log({ method: "GET", record, status: 200, startMillis, span })
      return true
    }
})
