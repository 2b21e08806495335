import { Effect, type Tracer } from "effect"
import type { CacheResult, OpenPackage } from "../../DigestCache.ts"

/** Opens a package in a span that tells how it was had; `count` counts it. */
export const opening = <E, Failure, R>(
  open: Effect.Effect<OpenPackage<E>, Failure, R>,
  count: (result: CacheResult) => Effect.Effect<void>
): Effect.Effect<OpenPackage<E>, Failure, R> =>
  Effect.useSpan("cache.open", (span) =>
    Effect.withParentSpan(open, span, { captureStackTrace: false }).pipe(
      Effect.tap(({ result }) => {
        span.attribute("registry_packages_proxy.package.cache.result", result)
        return count(result)
      })
    )
  )

/** Links the span of what runs to that of a fill that another request began. */
export const link = (fill: Tracer.Span | undefined): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const { span } = fiber.cache
    if (fill !== undefined && span?._tag === "Span") span.addLinks([{ span: fill, attributes: {} }])
    return Effect.void
  })
