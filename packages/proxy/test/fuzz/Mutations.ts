import * as fc from "fast-check"

/**
 * A change of a text. Removes `remove` characters at index `at`, and inserts `times` copies of `piece` there. If `at`
 * is beyond the end of the text, the index wraps around.
 */
interface Edit {
  readonly at: number
  readonly remove: number
  readonly piece: string
  readonly times: number
}

const applyTo = (text: string, edits: ReadonlyArray<Edit>, longest: number): string => {
  let result = text
  for (const { at, piece, remove, times } of edits) {
    const place = at % (result.length + 1)
    const room = Math.max(0, longest - result.length)
    const most = piece.length === 0 ? 0 : Math.ceil(room / piece.length)
    result = result.slice(0, place) + piece.repeat(Math.min(times, most)) + result.slice(place + remove)
  }
  return result.slice(0, longest)
}

/** Texts that parsers often handle wrongly, such as control characters. */
export const awkward: ReadonlyArray<string> = [
  "\0",
  "\t",
  "\n",
  "\r",
  "\r\n",
  "\x7f",
  "\x80",
  "\xff",
  " ",
  '"',
  "\\",
  ",",
  ";",
  "=",
  "%",
  "%00",
  "%2F",
  "%",
  "&",
  "?",
  "#",
  "/",
  "//",
  "..",
  "-",
  ":",
  "0",
  "9".repeat(20),
  "-1",
  "1e999",
  "__proto__",
  "constructor"
]

/**
 * Generates texts similar to the `samples`. In each text, characters may be removed, and `pieces` may be inserted once
 * or repeatedly. Most texts are short. Some have up to `longest` characters, so that a quadratic algorithm exceeds its
 * CPU limit. Texts shrink towards an unchanged sample.
 */
export const near = (options: {
  readonly samples: ReadonlyArray<string>
  readonly pieces: ReadonlyArray<string>
  readonly longest: number
}): fc.Arbitrary<string> => {
  const { longest, pieces, samples } = options
  const piece = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...pieces) },
    { weight: 2, arbitrary: fc.constantFrom(...awkward) },
    { weight: 1, arbitrary: fc.string({ maxLength: 8 }) },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 4 }) },
    { weight: 1, arbitrary: fc.constantFrom(...samples) }
  )
  const times = fc.oneof(
    { weight: 30, arbitrary: fc.constant(1) },
    { weight: 3, arbitrary: fc.integer({ min: 2, max: 40 }) },
    { weight: 1, arbitrary: fc.integer({ min: 100, max: longest }) }
  )
  const edit = fc.record({
    at: fc.nat(4096),
    remove: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(40) }),
    piece,
    times
  })
  return fc
    .tuple(fc.constantFrom(...samples), fc.array(edit, { maxLength: 5 }))
    .map(([sample, edits]) => applyTo(sample, edits, longest))
}

/** Generates texts as `near` does, but only with single-byte characters, as in headers and request lines. */
export const nearBytes = (options: Parameters<typeof near>[0]): fc.Arbitrary<string> =>
  near(options).map((text) => Buffer.from(text, "latin1").toString("latin1"))
