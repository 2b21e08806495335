import { Effect, Metric, type Tracer } from "effect"
import type { OpenPackage } from "../../OpenPackage.ts"
import * as Metrics from "../../Metrics.ts"

/** Runs `open` in a `cache.open` span, and counts the result in the metrics. */
export const withOpenSpan = <E, Failure, R>(
  open: Effect.Effect<OpenPackage<E>, Failure, R>
): Effect.Effect<OpenPackage<E>, Failure, R> =>
  Effect.useSpan("cache.open", (span) =>
    Effect.withParentSpan(open, span, { captureStackTrace: false }).pipe(
      Effect.tap(({ cacheResult }) => {
        span.attribute("registry_packages_proxy.package.cache.result", cacheResult)
        return Metric.update(Metrics.opened[cacheResult], 1)
      })
    )
  )

/** Links the current span to the span of a fill that another request began. Does nothing if `fill` is undefined. */
export const linkToFill = (fill: Tracer.Span | undefined): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const { span } = fiber.cache
    if (fill !== undefined && span?._tag === "Span") span.addLinks([{ span: fill, attributes: {} }])
    return Effect.void
  })
