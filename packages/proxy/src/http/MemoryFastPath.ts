import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import type { Platform } from "@registry-packages-proxy/oci/Platform"
import { Clock, Effect, Result } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Gate } from "./access/Access.ts"
import { Lifecycle } from "./request/Lifecycle.ts"
import { packageHeaders } from "./package/PackageHeaders.ts"
import * as PackageQuery from "./request/PackageQuery.ts"
import * as RequestHead from "./request/RequestHead.ts"
import type { RequestLog } from "./request/RequestLog.ts"
import * as RequestRecord from "./request/RequestRecord.ts"
import * as RequestTarget from "./request/RequestTarget.ts"
import { labelOf } from "./request/Routes.ts"
import * as ServerSpans from "./request/ServerSpans.ts"

/** Answers a request if that needs no waiting; false, and nothing done, where it does. */
export type FastPath = (request: IncomingMessage, response: ServerResponse) => boolean

/** Headers that ask for more than the whole package, announce a body, or that only the application reads. */
const unusual = [
  "range",
  "if-none-match",
  "content-length",
  "transfer-encoding",
  "expect",
  "upgrade"
] as const

const isUsual = (request: IncomingMessage): boolean =>
  request.method === "GET" &&
  unusual.every((name) => request.headers[name] === undefined) &&
  RequestHead.problemOf(request) === undefined

/** How many targets' queries are known by heart, and the longest of them, in characters. */
const maxRemembered = { targets: 1024, length: 512 }

/** What is asked for by a target that asks for a package, and for nothing wrong; many ask for the same few. */
const makeQueryOf = (): ((target: string) => PackageQuery.PackageQuery | undefined) => {
  const known = new Map<string, PackageQuery.PackageQuery>()
  return (target) => {
    const remembered = known.get(target)
    if (remembered !== undefined) return remembered
    const { path, query } = RequestTarget.parse(target)
    if (labelOf(path) !== "package") return undefined
    const parsed = PackageQuery.parse(query)
    if (Result.isFailure(parsed)) return undefined
    if (known.size >= maxRemembered.targets) known.clear()
    if (target.length <= maxRemembered.length) known.set(target, parsed.success)
    return parsed.success
  }
}

/**
 * Answers small packages that are in memory straight on Node's response, for callers whose access is known. A fiber and
 * Effect's server would take several times as long as all the rest. Whatever else is asked is the application's, which
 * would answer these the same.
 */
export const make = Effect.fnUntraced(function* (options: {
  readonly platform: Platform
  /** The most packages being sent at a time. */
  readonly packages: number
  readonly log: RequestLog
}) {
  const { log, packages, platform } = options
  const cache = yield* DigestCache
  const lifecycle = yield* Lifecycle
  const clock = yield* Clock.Clock
  const spans = yield* ServerSpans.make
  const queryOf = makeQueryOf()

  return (gate: Gate | undefined): FastPath =>
    (request, response) => {
      if (!isUsual(request)) return false
      const query = queryOf(request.url ?? "")
      if (query === undefined) return false
      const { manifestDigest } = query
      if (lifecycle.isDraining() || lifecycle.underWay() >= packages) return false
      const user = gate?.known(request, "package")
      if (gate !== undefined && user === undefined) return false
      const resident = DigestCache.inMemory(cache, { manifestDigest, platform })
      if (resident === undefined) {
        if (user !== undefined) gate?.admit(request, user)
        return false
      }
      const began = clock.currentTimeMillisUnsafe()
      const record = RequestRecord.make("package", request)
      const nanos = spans.isOn ? clock.currentTimeNanosUnsafe() : 0n
      const { bytes, descriptor } = resident
      lifecycle.sending(response)
      response.writeHead(
        200,
        packageHeaders({
          manifestDigest,
          descriptor,
          result: "memory",
          acceptsRanges: true,
          range: undefined
        })
      )
      response.end(bytes)
      record.query = query
      record.user = user
      record.cache = "memory"
      record.bytes = bytes.length
      const span = spans.answered(request, record, 200, nanos)
      log({ method: "GET", record, status: 200, began, span })
      return true
    }
})
