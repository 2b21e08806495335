import { assert, describe, it } from "@effect/vitest"
import { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import { utf8AsLatin1 } from "@registry-packages-proxy/testkit/wire/Latin1"
import { locationBase, locationCases } from "@registry-packages-proxy/testkit/wire/LocationCases"
import { Redacted, Result } from "effect"
import fc from "fast-check"

const parse = (text: string): HttpUrl => Result.getOrThrow(HttpUrl.parse(text))
const base = parse(locationBase)

describe("a Location field", () => {
  for (const { location, expectedRequest, situation } of locationCases) {
    it(`with ${situation}`, () => {
      const result = HttpUrl.resolve(base, location)
      if (expectedRequest === undefined) return assert.isTrue(Result.isFailure(result))
      const { authority, protocol, target } = Result.getOrThrow(result)
      assert.deepStrictEqual(
        { authority, protocol, target },
        {
          authority: expectedRequest.host,
          protocol: expectedRequest.scheme === undefined ? "https:" : "http:",
          target: expectedRequest.target
        }
      )
    })
  }
})

describe("HttpUrl", () => {
  it("compares servers by scheme, name and port, however they are written", () => {
    for (const [one, other, isSame] of [
      ["https://Store.Test/a", "https://store.test:443/b?c", true],
      ["https://store.test:0443/", "https://store.test:/", true],
      ["http://store.test/", "https://store.test/", false],
      ["https://store.test/", "https://store.test:8443/", false],
      ["https://store.test/", "https://store.test./", false],
      ["https://[2001:DB8::0001]/", "https://[2001:db8::1]:443/", true],
      [utf8AsLatin1("https://стор.test/"), "https://XN--N1AEBE.test/", true]
    ] as const) {
      assert.strictEqual(parse(one).origin === parse(other).origin, isSame, `${one} ${other}`)
    }
  })

  it("shows no user and password", () => {
    const url = parse("https://user:p%40ss@store.test/raw?a=1")
    assert.strictEqual(url.userInfo?.username, "user")
    assert.strictEqual(url.userInfo && Redacted.value(url.userInfo.password), "p@ss")
    assert.notInclude(url.href + url.origin + url.host + JSON.stringify(url), "p@ss")
    assert.isUndefined(Result.getOrThrow(HttpUrl.resolve(url, "/other")).userInfo)
  })

  it("appends parameters and does not change the query before them", () => {
    const parameters = [
      ["service", "a b"],
      ["scope", "repository:x/y:pull"]
    ] as const
    for (const [text, target] of [
      ["https://auth.test/token", "/token?service=a+b&scope=repository%3Ax%2Fy%3Apull"],
      ["https://auth.test/token?a=%7e'", "/token?a=%7e'&service=a+b&scope=repository%3Ax%2Fy%3Apull"],
      ["https://auth.test/token?", "/token?service=a+b&scope=repository%3Ax%2Fy%3Apull"]
    ] as const) {
      assert.strictEqual(parse(text).withQuery(parameters).target, target)
    }
    assert.strictEqual(parse("https://auth.test/token").withQuery([]).target, "/token")
  })

  const bytes = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) })

  it("of any bytes is refused, or fits a request line and parses to the same URL again", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          bytes,
          bytes.map((text) => `https://h${text}`),
          bytes.map((text) => `//h/${text}`)
        ),
        (text) => {
          const result = HttpUrl.resolve(base, text)
          if (Result.isFailure(result)) return
          const url = result.success
          assert.match(url.target, /^\/[\x21-\x7e\x80-\xff]*$/)
          assert.match(url.authority, /^[\x21-\x7e]+$/)
          assert.notMatch(url.target, /#/)
          const again = parse(url.href)
          assert.deepStrictEqual(
            [again.origin, again.authority, again.target],
            [url.origin, url.authority, url.target]
          )
        }
      ),
      { numRuns: 2000 }
    )
  })

  it("is parsed in time that is linear in its length", () => {
    const long = "a".repeat(250_000)
    const far = parse(`https://h/${long}/${long}/x?${long}`)
    assert.strictEqual(Result.getOrThrow(HttpUrl.resolve(far, "y")).target, `/${long}/${long}/y`)
    const up = Result.getOrThrow(HttpUrl.resolve(far, `${"../".repeat(80_000)}y`))
    assert.strictEqual(up.target, "/y")
    for (const text of [
      `https://${long}/`,
      `https://[${long}`,
      `https://${"@".repeat(250_000)}h/`,
      `${long}:`
    ]) {
      HttpUrl.resolve(far, text)
    }
  })

  it("keeps every byte of a query except those that a request line must not contain", () => {
    fc.assert(
      fc.property(bytes, (query) => {
        const { target } = Result.getOrThrow(HttpUrl.resolve(base, `/raw?${query}`))
        const sent = query.split("#", 1)[0] ?? ""
        assert.strictEqual(
          target,
          `/raw?${sent.replace(/[\0-\x20\x7f]/g, (byte) => `%${Buffer.from(byte, "latin1").toString("hex").toUpperCase()}`)}`
        )
      })
    )
  })
})
