import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { format, parse } from "../../src/config/Quantity.ts"

// Arbitrary UTF-16 code units, including lone surrogates.
const anyUnits = fc.uint16Array({ maxLength: 40 }).map((units) => String.fromCharCode(...units))

const bytes = (text: string) => Result.getOrThrow(parse(text))
const reason = (text: string) =>
  Result.match(parse(text), { onFailure: String, onSuccess: (n) => `read as ${n}` })

describe("Quantity", () => {
  it("parses every form of the Kubernetes grammar", () => {
    const cases: ReadonlyArray<readonly [string, number]> = [
      ["0", 0],
      ["-0", 0],
      ["+12", 12],
      ["0012", 12],
      ["1.", 1],
      [".5k", 500],
      ["1k", 1_000],
      ["2M", 2_000_000],
      ["3G", 3_000_000_000],
      ["1T", 1e12],
      ["1P", 1e15],
      ["0.001E", 1e15],
      ["1Ki", 1024],
      ["512Mi", 512 * 1024 ** 2],
      ["1Gi", 1024 ** 3],
      ["1.5Gi", 1.5 * 1024 ** 3],
      ["2Ti", 2 * 1024 ** 4],
      ["1Pi", 1024 ** 5],
      ["0.0001Ei", Math.ceil(1024 ** 6 / 10_000)],
      ["2e9", 2e9],
      ["2E9", 2e9],
      ["1.25e+2", 125],
      ["5000e-3", 5],
      ["1e-999999999999", 1],
      ["0e999999999999", 0]
    ]
    for (const [text, expected] of cases) assert.strictEqual(bytes(text), expected, text)
  })

  it("rounds a fraction of a byte up", () => {
    for (const text of ["1m", "999m", "1u", "1n", "0.1", "1e-1"]) assert.strictEqual(bytes(text), 1, text)
    assert.strictEqual(bytes("1001m"), 2)
    assert.strictEqual(bytes("2000m"), 2)
  })

  it("says why a text is refused", () => {
    assert.strictEqual(reason(""), "has no digits")
    assert.strictEqual(reason("."), "has no digits")
    assert.strictEqual(reason("Gi"), "has no digits")
    assert.strictEqual(reason("1GiB"), 'has the unknown suffix "GiB"')
    assert.strictEqual(reason("1K"), 'has the unknown suffix "K"')
    assert.strictEqual(reason("1e"), 'has the unknown suffix "e"')
    assert.strictEqual(reason("1 Gi"), "is not a quantity")
    assert.strictEqual(reason("1,5Gi"), "is not a quantity")
    assert.strictEqual(reason("0x10"), 'has the unknown suffix "x10"')
    assert.strictEqual(reason("-1Ki"), "is negative")
    assert.strictEqual(reason("16Ei"), `is more than ${Number.MAX_SAFE_INTEGER} bytes`)
    assert.strictEqual(reason("1e999999999999"), `is more than ${Number.MAX_SAFE_INTEGER} bytes`)
    assert.strictEqual(reason("9".repeat(65)), "is longer than 64 characters")
  })

  it("parses the text that it formats", () => {
    fc.assert(fc.property(fc.maxSafeNat(), (n) => bytes(format(n)) === n))
    fc.assert(
      fc.property(fc.nat(1023), fc.nat(4), (n, power) => {
        const size = n * 1024 ** power
        return bytes(format(size)) === size
      })
    )
    assert.strictEqual(format(1024 ** 3), "1Gi")
    assert.strictEqual(format(1536), "1536")
    assert.strictEqual(format(0), "0")
  })

  it("parses a number with a suffix as the number times the suffix's scale, rounded up", () => {
    const scales = {
      m: [1n, 1000n],
      "": [1n, 1n],
      k: [1000n, 1n],
      Mi: [1048576n, 1n],
      "e-2": [1n, 100n]
    } as const
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(...(["m", "", "k", "Mi", "e-2"] as const)), (n, suffix) => {
        const [times, per] = scales[suffix]
        return BigInt(bytes(`${n}${suffix}`)) === (BigInt(n) * times + per - 1n) / per
      })
    )
  })

  it("never throws: gives a safe integer or a reason", () => {
    const anyText = fc.oneof(
      anyUnits,
      fc.string({ unit: fc.constantFrom(..."0123456789.+-eEKMGimnuk".split("")) })
    )
    fc.assert(
      fc.property(anyText, (text) =>
        Result.match(parse(text), {
          onFailure: (reason) => reason.length > 0,
          onSuccess: (n) => Number.isSafeInteger(n) && n >= 0
        })
      )
    )
  })
})
