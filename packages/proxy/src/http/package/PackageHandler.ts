import type { BodyError } from "@registry-packages-proxy/digest-cache/BodyError"
import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import type { Platform } from "@registry-packages-proxy/oci/Platform"
import { Cause, Clock, Effect, Option, Result, type Scope } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import { errorTypeOfExit } from "../../telemetry/ErrorType.ts"
import { writeBody } from "./BodyWriter.ts"
import { BufferPool } from "./BufferPool.ts"
import * as Conditions from "./Conditions.ts"
import { fromPullError } from "./ErrorProblems.ts"
import type { RequestRecord } from "../request/RequestRecord.ts"
import { GracefulShutdown } from "../request/GracefulShutdown.ts"
import { etagOf, packageHeaders, cachingHeaders } from "./PackageHeaders.ts"
import * as PackagePull from "./PackagePull.ts"
import * as PackageQuery from "../request/PackageQuery.ts"
import { type Problem, toResponse, unsatisfiableRange } from "../request/Problem.ts"

type Response = HttpServerResponse.HttpServerResponse

/** An effect that always fails. If it is the argument `resolve` of `peek`, `peek` sends no request to the registry. */
const notResolved = Effect.fail("not in the cache")

/** Makes the handler of GET and HEAD on /package. */
export const make = Effect.fnUntraced(function* (platform: Platform) {
  const cache = yield* DigestCache
  const gracefulShutdown = yield* GracefulShutdown
  const pull = yield* PackagePull.make
  const pool = new BufferPool()
  const clock = yield* Clock.Clock

  type Source = ReturnType<typeof pull>
  type Failure = PackagePull.PullError | BodyError

  /**
   * Returns the descriptor and the cache result that a GET would have. Resolves the manifest at the registry if
   * necessary, but does not read the blob.
   */
  const inspect = (query: PackageQuery.PackageQuery, source: Source) =>
    cache.peek({ manifestDigest: query.manifestDigest, platform }, source.resolve)

  const head = (query: PackageQuery.PackageQuery, source: Source, record: RequestRecord) =>
    Effect.map(inspect(query, source), ({ descriptor, cacheResult }): Response => {
      record.cacheResult = cacheResult
      const headers = packageHeaders({
        manifestDigest: query.manifestDigest,
        descriptor,
        cacheResult,
        acceptsRanges: cacheResult !== "bypass",
        range: undefined
      })
      return HttpServerResponse.empty({ status: 200, headers })
    })

  const notModified = (query: PackageQuery.PackageQuery, source: Source, record: RequestRecord) =>
    Effect.map(inspect(query, source), ({ cacheResult }): Response => {
      record.cacheResult = cacheResult
      return HttpServerResponse.empty({
        status: 304,
        headers: cachingHeaders(query.manifestDigest, cacheResult)
      })
    })

  const get = (
    request: HttpServerRequest.HttpServerRequest,
    query: PackageQuery.PackageQuery,
    source: Source,
    record: RequestRecord
  ): Effect.Effect<Response, Failure, Scope.Scope> =>
    Effect.gen(function* () {
      const header = request.headers["range"]
      // Opening a package counts as a use of it. A request for an unsatisfiable range must not count.
      const cached =
        header === undefined
          ? Option.none()
          : yield* Effect.option(cache.peek({ manifestDigest: query.manifestDigest, platform }, notResolved))
      if (
        header !== undefined &&
        Option.isSome(cached) &&
        Conditions.ifRange(request.headers["if-range"], etagOf(query.manifestDigest)) &&
        Conditions.parseRange(header, cached.value.descriptor.size) === "unsatisfiable"
      ) {
        record.cacheResult = cached.value.cacheResult
        return toResponse(unsatisfiableRange(cached.value.descriptor.size), record.requestId)
      }
      const opened = yield* cache.open({ manifestDigest: query.manifestDigest, platform }, source)
      record.cacheResult = opened.cacheResult
      const { descriptor } = opened
      const range =
        header !== undefined &&
        opened.acceptsRanges &&
        Conditions.ifRange(request.headers["if-range"], etagOf(query.manifestDigest))
          ? Conditions.parseRange(header, descriptor.size)
          : undefined
      if (range === "unsatisfiable") return toResponse(unsatisfiableRange(descriptor.size), record.requestId)
      const headers = packageHeaders({ manifestDigest: query.manifestDigest, ...opened, range })
      const status = range === undefined ? 200 : 206
      const body = opened.body(range?.start ?? 0, range?.end ?? descriptor.size)
      if (body._tag === "Bytes") {
        return HttpServerResponse.uint8Array(body.bytes, { status, headers })
      }
      const response = gracefulShutdown.closeWhenDraining(HttpServerResponse.empty({ status, headers }))
      const exit = yield* Effect.exit(
        writeBody({
          request,
          response,
          reader: body.reader,
          pool,
          onWritten: (bytes) => {
            record.firstByteAt ??= clock.currentTimeMillisUnsafe()
            record.bytes += bytes
          }
        })
      )
      if (exit._tag === "Failure") {
        record.aborted = true
        record.error = errorTypeOfExit(exit)
        record.cause = exit.cause
      }
      return response
    })

  const problem = (problem: Problem, record: RequestRecord): Response => {
    record.error = problem.error
    return toResponse(problem, record.requestId)
  }

  return (
    request: HttpServerRequest.HttpServerRequest,
    query: string,
    record: RequestRecord
  ): Effect.Effect<Response, never, Scope.Scope> => {
    const parsed = PackageQuery.parse(query)
    if (Result.isFailure(parsed)) return Effect.succeed(problem(parsed.failure, record))
    record.query = parsed.success
    const source = pull(parsed.success, platform, (host) => {
      record.upstream = host
    })
    const condition = request.headers["if-none-match"]
    const answer: Effect.Effect<Response, Failure, Scope.Scope> =
      condition !== undefined && Conditions.ifNoneMatch(condition, etagOf(parsed.success.manifestDigest))
        ? notModified(parsed.success, source, record)
        : request.method === "HEAD"
          ? head(parsed.success, source, record)
          : get(request, parsed.success, source, record)
    return Effect.catch(answer, (error) =>
      Effect.sync(() => {
        record.cause = Cause.fail(error)
        return problem(fromPullError(error), record)
      })
    )
  }
})
