import type { ReadBuffers } from "@registry-packages-proxy/domain/ReadBuffers"
import type { PackageLayer } from "@registry-packages-proxy/domain/PackageDescriptor"
import { Cause, Clock, Effect, Exit, Option, Pull, Scope, Stream } from "effect"
import * as Metrics from "../../Metrics.ts"
import type { Repository } from "../../Repository.ts"
import * as Attempts from "./Attempts.ts"
import * as BlobSegment from "./BlobSegment.ts"
import type { Chunks } from "../wire/Body.ts"
import type { SendRequest } from "./RegistryRequest.ts"
import type { PullFailure } from "../wire/PullFailure.ts"

/** The maximum time to wait for the end of a response after all bytes of the blob are received. */
const endTimeout = "1 second"

/** Returns the first `max` bytes of the chunks. */
const truncate = ([head, ...tail]: Chunks, max: number): Chunks => {
  const kept: [Uint8Array, ...Array<Uint8Array>] = [head.subarray(0, max)]
  let left = max - head.length
  for (const chunk of tail) {
    if (left <= 0) break
    kept.push(chunk.subarray(0, left))
    left -= chunk.length
  }
  return kept
}

const pullAttributes = ({ name, source }: Repository, { layerDigest, size }: PackageLayer) => ({
  "registry_packages_proxy.registry.host": source.host,
  "registry_packages_proxy.registry.repository": name,
  "registry_packages_proxy.registry.digest": layerDigest,
  "registry_packages_proxy.registry.size": size
})

/**
 * Makes the function that streams a blob from an offset to the end. The stream retries before the first byte is
 * received, and resumes afterwards. Each received byte resets the count of resumes. `report` converts the last failure
 * to the stream's error. To save CPU time, each stream has one span and calls `report` at most once.
 */
export const make = <E>(
  sendRequest: SendRequest,
  report: (repository: Repository, failure: PullFailure) => Effect.Effect<never, E>
) => {
  const open = BlobSegment.open(sendRequest)

  const openStream = Effect.fnUntraced(function* (
    repository: Repository,
    layer: PackageLayer,
    offset: number,
    buffers: ReadBuffers | undefined
  ) {
    const context = yield* Effect.context()
    const scope = yield* Effect.scope
    const span = yield* Effect.makeSpanScoped("registry.pull", {
      attributes: pullAttributes(repository, layer)
    })
    let position = offset
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => span.attribute("registry_packages_proxy.registry.bytes", position - offset))
    )
    let segment: BlobSegment.BlobSegment | undefined
    /** The offset in the blob at which `segment` begins. */
    let segmentStart = offset
    const delays = new Attempts.ResumeDelays()

    const take = (chunks: Chunks): Chunks => {
      let length = 0
      for (const chunk of chunks) length += chunk.length
      Metrics.bodyBytes.updateUnsafe(length, context)
      const room = layer.size - position
      position += Math.min(length, room)
      return length <= room ? chunks : truncate(chunks, room)
    }

    // Ends the span as failed before the stream closes its scope, which would end the span as successful.
    const failed = (failure: PullFailure): Effect.Effect<never, E> =>
      Effect.flatMap(Clock.currentTimeNanos, (now) => {
        span.attribute("registry_packages_proxy.registry.bytes", position - offset)
        span.end(now, Exit.fail(failure.reason))
        return report(repository, failure)
      })

    const from = (opening: Effect.Effect<BlobSegment.BlobSegment, PullFailure>): Effect.Effect<Chunks, E> =>
      opening.pipe(
        Effect.withParentSpan(span),
        Effect.matchEffect({
          onFailure: (failure) => failed(failure),
          onSuccess: (opened) => {
            segment = opened
            segmentStart = position
            return Effect.succeed(take(opened.first))
          }
        })
      )

    let ranged = true
    const openHere = Effect.suspend(() => open(repository, layer, position, { ranged, buffers })).pipe(
      Scope.provide(scope),
      Effect.tap(({ acceptsRanges }) =>
        Effect.sync(() => {
          ranged = acceptsRanges
        })
      )
    )
    const first = Effect.flatMap(Attempts.newDeadline, (deadlineMillis) =>
      from(Attempts.retryUntilFirstByte(openHere, deadlineMillis, offset))
    )

    const resume = (broken: BlobSegment.BlobSegment, failure: PullFailure): Effect.Effect<Chunks, E> =>
      // If the scope is closed, the consumer has left while a pull was waiting, so there is nothing to resume.
      scope.state._tag === "Closed"
        ? Effect.interrupt
        : failure.isRetryable
          ? Effect.andThen(
              broken.close,
              from(
                Attempts.resume(openHere, delays, {
                  receivedBytes: position - segmentStart,
                  offset: position
                })
              )
            )
          : failed(failure)

    // Runs after all bytes of the blob are received. Reads to the end of the response, so that the connection can be
    // reused.
    const finish = (ended: BlobSegment.BlobSegment): Pull.Pull<never> =>
      ended.rest.pipe(
        Effect.timeout(endTimeout),
        Effect.exit,
        Effect.andThen(ended.close),
        Effect.andThen(Cause.done())
      )

    const rest = (current: BlobSegment.BlobSegment): Pull.Pull<Chunks, E> =>
      position >= layer.size
        ? finish(current)
        : Pull.matchEffect(current.rest, {
            onSuccess: (chunks) => Effect.succeed(take(chunks)),
            onDone: () => resume(current, BlobSegment.connectionEnded),
            onFailure: (cause) =>
              Option.match(Cause.findErrorOption(cause), {
                onNone: () =>
                  Effect.failCause(
                    Cause.fromReasons(cause.reasons.filter((reason) => !Cause.isFailReason(reason)))
                  ),
                onSome: (failure) => resume(current, failure)
              })
          })

    // @effect-diagnostics-next-line returnEffectInGen:off -- what is made here is a Pull, to be run by the stream
    return Effect.suspend(() => (segment === undefined ? first : rest(segment)))
  })

  return (
    repository: Repository,
    layer: PackageLayer,
    offset: number,
    buffers?: ReadBuffers
  ): Stream.Stream<Uint8Array, E> =>
    offset >= layer.size
      ? Stream.empty
      : Stream.scoped(Stream.fromPull(openStream(repository, layer, offset, buffers)))
}
