import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import * as Format from "../src/Format.ts"

describe("Format", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [10 * 1024, "10 KiB"],
    [5.25 * 1024 * 1024, "5.3 MiB"],
    [64 * 1024 * 1024, "64 MiB"]
  ])("bytes - writes %d as %s", (count, text) => assert.strictEqual(Format.bytes(count), text))

  it.each([
    [0.76, "0.8 ms"],
    [22.6, "23 ms"],
    [999.9, "1.0 s"],
    [1570, "1.6 s"]
  ])("duration - writes %d ms as %s", (millis, text) => assert.strictEqual(Format.duration(millis), text))

  it("bar - has the given width for every fraction", () => {
    for (const fraction of [-1, 0, 0.01, 0.5, 0.99, 1, 2])
      assert.lengthOf(Format.progressBar(fraction, 30), 30)
    assert.strictEqual(Format.progressBar(0, 4), "    ")
    assert.strictEqual(Format.progressBar(0.5, 4), "██  ")
    assert.strictEqual(Format.progressBar(0.53, 4), "██▏ ")
    assert.strictEqual(Format.progressBar(1, 4), "████")
  })

  it("shellWord - is parsed by a shell as the original text", () => {
    for (const text of ["plain", "http://h/p?a=b&c=d", 'it\'s $HOME `x` "y" *']) {
      const printed = execFileSync("sh", ["-c", `printf %s ${Format.quoteShellWord(text)}`], {
        encoding: "utf8"
      })
      assert.strictEqual(printed, text)
    }
  })
})
