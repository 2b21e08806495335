import { assert, describe, it } from "@effect/vitest"
import { Duration, Result } from "effect"
import * as fc from "fast-check"
import { format, parse } from "../../src/config/GoDuration.ts"

// Arbitrary UTF-16 code units, including lone surrogates.
const anyUnits = fc.uint16Array({ maxLength: 40 }).map((units) => String.fromCharCode(...units))

const millis = (text: string) => Duration.toMillis(Result.getOrThrow(parse(text)))
const reason = (text: string) =>
  Result.match(parse(text), { onFailure: String, onSuccess: (d) => `read as ${String(d)}` })

describe("GoDuration", () => {
  it("parses the durations that Go parses", () => {
    const cases: ReadonlyArray<readonly [string, number]> = [
      ["0", 0],
      ["0s", 0],
      ["30s", 30_000],
      ["1m30s", 90_000],
      ["500ms", 500],
      ["1h15m30.918s", 4_530_918],
      ["1.5h", 5_400_000],
      [".5s", 500],
      ["1.s", 1_000],
      ["1us", 1],
      ["1000µs", 1],
      ["1000μs", 1],
      ["1ns", 1],
      ["0.1s200ms", 300],
      ["24h", 86_400_000]
    ]
    for (const [text, expected] of cases) assert.strictEqual(millis(text), expected, text)
  })

  it("says why a text is refused", () => {
    assert.strictEqual(reason("30"), "has no unit")
    assert.strictEqual(reason("-1s"), "is negative")
    for (const text of ["", "s", "1 s", "1d", "30sec", "1s1", "1e3s", ".s", "1.2.3s"]) {
      assert.strictEqual(reason(text), "is not a duration", text)
    }
    assert.strictEqual(reason("25h"), "is more than 24h")
    assert.strictEqual(reason(`${"9".repeat(400)}h`), "is more than 24h")
  })

  it("parses the text that it formats", () => {
    fc.assert(fc.property(fc.nat(86_400_000), (n) => millis(format(Duration.millis(n))) === n))
    assert.strictEqual(format(Duration.seconds(90)), "1m30s")
    assert.strictEqual(format(Duration.zero), "0s")
  })

  it("never throws", () => {
    const anyText = fc.oneof(
      anyUnits,
      fc.string({ unit: fc.constantFrom(..."0123456789.-hmsuµn".split("")) })
    )
    fc.assert(
      fc.property(anyText, (text) =>
        Result.match(parse(text), {
          onFailure: (reason) => reason.length > 0,
          onSuccess: (duration) => Duration.toMillis(duration) <= 86_400_000
        })
      )
    )
  })
})
