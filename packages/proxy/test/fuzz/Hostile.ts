import * as fc from "fast-check"

/**
 * The parts of a text that is hard for parsers. The text consists of `before`, many units, and `after`. `between`
 * separates the units.
 */
export interface HostileShape {
  readonly before: string
  readonly unit: string | ((index: number) => string)
  readonly between?: string
  readonly after: string
}

const fill = ({ after, before, between = "", unit }: HostileShape, size: number): string => {
  const units: Array<string> = []
  let length = before.length + after.length
  for (let index = 0; ; index++) {
    const next = typeof unit === "string" ? unit : unit(index)
    length += next.length + between.length
    if (length > size) return before + units.join(between) + after
    units.push(next)
  }
}

/** Returns a text of at most `size` characters with the deepest nesting that fits. `close` may be empty. */
const nest = (before: string, open: string, close: string, after: string, size: number): string => {
  const depth = Math.floor((size - before.length - after.length) / (open.length + close.length))
  return before + open.repeat(depth) + close.repeat(depth) + after
}

/**
 * Generates texts that are hard to parse. Each text is made from one of the `shapes` or `nestings`, and is as long as
 * one of the `sizes` permits. Sizes are in characters.
 */
export const hostileTexts = (options: {
  readonly shapes: ReadonlyArray<HostileShape>
  /** Each nesting repeats `open`, then repeats `close` equally often, between `before` and `after`. */
  readonly nestings: ReadonlyArray<readonly [before: string, open: string, close: string, after: string]>
  readonly sizes: ReadonlyArray<number>
}): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.oneof(
        fc.constantFrom(...options.shapes).map((shape) => (size: number) => fill(shape, size)),
        fc.constantFrom(...options.nestings).map(
          ([before, open, close, after]) =>
            (size: number) =>
              nest(before, open, close, after, size)
        )
      ),
      fc.constantFrom(...options.sizes)
    )
    .map(([make, size]) => make(size))

/** Generates texts. About one text in 20 comes from {@link hostileTexts}. The others come from `near`. */
export const withHostile = (near: fc.Arbitrary<string>, ...options: Parameters<typeof hostileTexts>) =>
  fc.oneof({ weight: 19, arbitrary: near }, { weight: 1, arbitrary: hostileTexts(...options) })
