import * as fc from "fast-check"

/** A kind of text that is hard for parsers: a beginning, as many units as fit, and an end. */
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

/** Nesting as deep as fits, closed or not. */
const nest = (before: string, open: string, close: string, after: string, size: number): string => {
  const depth = Math.floor((size - before.length - after.length) / (open.length + close.length))
  return before + open.repeat(depth) + close.repeat(depth) + after
}

/** Texts of each shape, and nested ones, of the `sizes` in characters. */
export const hostileTexts = (options: {
  readonly shapes: ReadonlyArray<HostileShape>
  /** The beginning, the opening and closing units, and the end. */
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

/** Mostly texts similar to samples, and some hostile ones. */
export const withHostile = (near: fc.Arbitrary<string>, ...options: Parameters<typeof hostileTexts>) =>
  fc.oneof({ weight: 19, arbitrary: near }, { weight: 1, arbitrary: hostileTexts(...options) })
