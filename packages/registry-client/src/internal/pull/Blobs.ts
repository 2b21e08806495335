import type { ReadBuffers } from "@registry-packages-proxy/domain/ReadBuffers"
import type { PackageLayer } from "@registry-packages-proxy/domain/PackageDescriptor"
import { Cause, Clock, Effect, Exit, Option, Pull, Scope, Stream } from "effect"
import * as Metrics from "../../Metrics.ts"
import type { Repository } from "../../Repository.ts"
import * as Attempts from "./Attempts.ts"
import * as BlobSegment from "./BlobSegment.ts"
import type { Chunks } from "../wire/Body.ts"
import type { Exchange } from "./Exchange.ts"
import type { PullFailure } from "../wire/PullFailure.ts"

/** The time for an answer's end once all its bytes are here. */
const endTimeout = "1 second"

/** The chunks up to `room` bytes. */
const cut = ([head, ...tail]: Chunks, room: number): Chunks => {
  const kept: [Uint8Array, ...Array<Uint8Array>] = [head.subarray(0, room)]
  let left = room - head.length
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
 * Gives a blob's bytes from an offset on. Before the first byte the attempts before an answer count; after it, every
 * break is followed by resumes, which count anew with every byte that comes and wait longer while few do. `report` turns what finally failed into
 * the stream's error; it is not on the way of the bytes, and neither is the span.
 */
export const make = <E>(
  exchange: Exchange,
  report: (repository: Repository, failure: PullFailure) => Effect.Effect<never, E>
) => {
  const open = BlobSegment.open(exchange)

  const begin = Effect.fnUntraced(function* (
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
    /** The position of the segment's first byte. */
    let begun = offset
    const waits = new Attempts.ResumeWaits()

    const take = (chunks: Chunks): Chunks => {
      let length = 0
      for (const chunk of chunks) length += chunk.length
      Metrics.bytes.updateUnsafe(length, context)
      const room = layer.size - position
      position += Math.min(length, room)
      return length <= room ? chunks : cut(chunks, room)
    }

    // The stream that fails closes its scope, and so the span, as it would where it ended.
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
            begun = position
            return Effect.succeed(take(opened.first))
          }
        })
      )

    let ranged = true
    const openHere = Effect.suspend(() => open(repository, layer, position, { ranged, buffers })).pipe(
      Scope.provide(scope),
      Effect.tap(({ takesRanges }) =>
        Effect.sync(() => {
          ranged = takesRanges
        })
      )
    )
    const first = Effect.flatMap(Attempts.deadline, (until) =>
      from(Attempts.beforeFirstByte(openHere, until, offset))
    )

    const resume = (broken: BlobSegment.BlobSegment, failure: PullFailure): Effect.Effect<Chunks, E> =>
      // A body ends this way too when its consumer is gone, whose scope closes while a pull of it still waits.
      scope.state._tag === "Closed"
        ? Effect.interrupt
        : failure.retryable
          ? Effect.andThen(
              broken.close,
              from(Attempts.resumed(openHere, waits, { brought: position - begun, offset: position }))
            )
          : failed(failure)

    // All bytes are here: the answer's end is read only so that its connection can be used again.
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
            onDone: () => resume(current, BlobSegment.endedEarly),
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
      : Stream.scoped(Stream.fromPull(begin(repository, layer, offset, buffers)))
}
