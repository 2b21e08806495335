import { Cause, Effect, Option, Pull, Scope, Stream } from "effect"
import * as Metrics from "../Metrics.ts"
import type { Repository } from "../RegistryClient.ts"
import * as Attempts from "./Attempts.ts"
import * as BlobSegment from "./BlobSegment.ts"
import type { Exchange } from "./Exchange.ts"
import type { PullFailure } from "./PullFailure.ts"

type Chunks = BlobSegment.BlobSegment["first"]

/**
 * Gives a blob's bytes from an offset on. Before the first byte the attempts before an answer count; after it, every
 * break is followed by resumes, which count anew with every byte that comes.
 */
export const make = (exchange: Exchange) => {
  const open = BlobSegment.open(exchange)

  return (
    repository: Repository,
    layer: BlobSegment.Layer,
    offset: number
  ): Stream.Stream<Uint8Array, PullFailure> =>
    offset >= layer.size ? Stream.empty : Stream.scoped(Stream.fromPull(Effect.gen(function*() {
      const context = yield* Effect.context()
      const scope = yield* Effect.scope
      let position = offset
      let segment: BlobSegment.BlobSegment | undefined

      /** Counts chunks, and cuts off what is beyond the layer's size. */
      const take = (chunks: Chunks): Chunks => {
        let length = 0
        for (const chunk of chunks) length += chunk.length
        Metrics.bytes.updateUnsafe(length, context)
        const left = layer.size - position
        position += Math.min(length, left)
        if (length <= left) return chunks
        const [head, ...tail] = chunks
        const kept: [Uint8Array, ...Array<Uint8Array>] = [head.subarray(0, left)]
        let room = left - head.length
        for (const chunk of tail) {
          if (room <= 0) break
          kept.push(chunk.subarray(0, room))
          room -= chunk.length
        }
        return kept
      }

      const begin = (attempt: Effect.Effect<BlobSegment.BlobSegment, PullFailure>) =>
        Effect.map(attempt, (opened) => {
          segment = opened
          return take(opened.first)
        })

      const first = Effect.flatMap(Attempts.deadline, (until) =>
        begin(Attempts.beforeFirstByte(Scope.provide(open(repository, layer, offset), scope), until)))

      const resume = (broken: BlobSegment.BlobSegment, failure: PullFailure) =>
        failure.retryable
          ? Effect.andThen(
            broken.close,
            begin(Attempts.resumed(
              Effect.suspend(() => Scope.provide(open(repository, layer, position), scope))
            ))
          )
          : Effect.fail(failure)

      // All bytes are here: the answer's end is read only so that its connection can be used again.
      const finish = (ended: BlobSegment.BlobSegment): Pull.Pull<never> =>
        ended.rest.pipe(Effect.timeout("1 second"), Effect.exit, Effect.andThen(ended.close), Effect.andThen(Cause.done()))

      const rest = (current: BlobSegment.BlobSegment): Pull.Pull<Chunks, PullFailure> =>
        position >= layer.size
          ? finish(current)
          : Pull.matchEffect(current.rest, {
            onSuccess: (chunks) => Effect.succeed(take(chunks)),
            onDone: () => resume(current, BlobSegment.endedEarly),
            onFailure: (cause) =>
              Option.match(Cause.findErrorOption(cause), {
                onNone: () => Effect.failCause(cause),
                onSome: (failure) => resume(current, failure)
              })
          })

      return Effect.suspend(() => segment === undefined ? first : rest(segment))
    })))
}
