import { assert, describe, it } from "@effect/vitest"
import { Option, Result, Schema } from "effect"
import * as fc from "fast-check"
import { type ListenAddress, ListenAddressOrOff, parse } from "../../src/config/ListenAddress.ts"

// Arbitrary UTF-16 code units, including lone surrogates.
const anyUnits = fc.uint16Array({ maxLength: 40 }).map((units) => String.fromCharCode(...units))

const options = (text: string) => Result.getOrThrow(parse(text)).listenOptions
const reason = (text: string) =>
  Result.match(parse(text), { onFailure: String, onSuccess: (a) => `read as ${String(a)}` })

describe("ListenAddress", () => {
  it("parses a host and a port", () => {
    assert.deepStrictEqual(options("127.0.0.1:5080"), { host: "127.0.0.1", port: 5080 })
    assert.deepStrictEqual(options("localhost:0"), { host: "localhost", port: 0 })
    assert.deepStrictEqual(options("node-1.example.com.:65535"), { host: "node-1.example.com.", port: 65535 })
    assert.deepStrictEqual(options("[::]:5080"), { host: "::", port: 5080 })
    assert.deepStrictEqual(options("[fd00::1]:5080"), { host: "fd00::1", port: 5080 })
  })

  it("parses a port without a host as every interface", () => {
    assert.deepStrictEqual(options(":5080"), { port: 5080 })
  })

  it("says why a text is refused", () => {
    assert.strictEqual(reason("5080"), "has no port")
    assert.strictEqual(reason("localhost"), "has no port")
    assert.strictEqual(reason("localhost:"), "has no port")
    assert.strictEqual(reason("[::1]"), "has no port")
    assert.strictEqual(reason(":65536"), "has a port that is not from 0 to 65535")
    assert.strictEqual(reason(":-1"), "has a port that is not from 0 to 65535")
    assert.strictEqual(reason(":http"), "has a port that is not from 0 to 65535")
    assert.strictEqual(reason("::1:5080"), "has an IPv6 address without brackets")
    assert.strictEqual(reason("[127.0.0.1]:1"), "has no IPv6 address in its brackets")
    assert.strictEqual(reason("http://localhost:80"), "is a URL")
    assert.strictEqual(reason("a:1:2"), "has more than one port")
    for (const host of [
      "256.1.1.1",
      "10.0.0",
      "-a",
      "a_b",
      "a b",
      "a..b",
      " ",
      "a\nb",
      "é",
      `${"a".repeat(64)}`
    ]) {
      assert.strictEqual(reason(`${host}:80`), "has a malformed host", host)
    }
  })

  it("parses the text that it formats", () => {
    const address = fc.tuple(
      fc.oneof(
        fc.constant(""),
        fc.ipV4(),
        fc.ipV6().map((a) => `[${a}]`),
        fc.domain()
      ),
      fc.nat(65535)
    )
    const same = (a: ListenAddress, b: ListenAddress) =>
      a.port === b.port && Option.getOrNull(a.host) === Option.getOrNull(b.host)
    fc.assert(
      fc.property(address, ([host, port]) => {
        const read = Result.getOrThrow(parse(`${host}:${port}`))
        return same(Result.getOrThrow(parse(String(read))), read)
      })
    )
  })

  it("parses off as no listener", () => {
    const decode = Schema.decodeUnknownSync(ListenAddressOrOff)
    assert.deepStrictEqual(decode("off"), Option.none())
    assert.strictEqual(Schema.encodeSync(ListenAddressOrOff)(Option.none()), "off")
    assert.strictEqual(Schema.encodeSync(ListenAddressOrOff)(decode("[::1]:80")), "[::1]:80")
  })

  it("never throws", () => {
    fc.assert(fc.property(anyUnits, (text) => parse(text) !== undefined))
  })
})
