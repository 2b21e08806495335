import { assert, describe, it } from "@effect/vitest"
import type { Credential } from "@registry-packages-proxy/domain/Credential"
import * as DockerConfig from "@registry-packages-proxy/domain/DockerConfig"
import * as Keyring from "@registry-packages-proxy/domain/Keyring"
import { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import { Redacted, Result } from "effect"
import { Base64 } from "effect/encoding"
import fc from "fast-check"
import * as arbitrary from "@registry-packages-proxy/testkit/arbitraries/OciText"

const find = (config: unknown, host: string) =>
  Result.flatMap(DockerConfig.parse(typeof config === "string" ? config : JSON.stringify(config)), (parsed) =>
    Keyring.lookup(Keyring.make(parsed, RegistryHost.make(host)), "some/name")
  )

/** A credential with what it hides, for comparison. */
const shown = (credential: Credential): string => {
  switch (credential._tag) {
    case "Anonymous":
      return "anonymous"
    case "Basic":
      return `${credential.username}:${Redacted.value(credential.password)}`
    case "IdentityToken": {
      const beside = credential.login === undefined ? "" : ` beside ${shown(credential.login)}`
      return `IdentityToken ${Redacted.value(credential.token)}${beside}`
    }
    case "RegistryToken":
      return `RegistryToken ${Redacted.value(credential.token)}`
  }
}
const answer = (config: unknown, host: string) => shown(Result.getOrThrow(find(config, host)))
const login = (username: string) => ({ auth: Base64.encode(`${username}:secret`) })

describe("DockerConfig", () => {
  it("a printed login is read again, whatever the host, name and password", () => {
    const username = fc
      .string({ unit: "grapheme", minLength: 1 })
      .filter((text) => !text.includes(":") && text.isWellFormed())
    const password = fc
      .string({ unit: "grapheme" })
      .filter((text) => text.isWellFormed() && !text.startsWith("\0") && !text.endsWith("\0"))
    fc.assert(
      fc.property(arbitrary.host, username, password, (host, name, secret) => {
        const expected = `${name}:${secret}`
        assert.strictEqual(answer({ auths: { [host]: { auth: Base64.encode(expected) } } }, host), expected)
        assert.strictEqual(
          answer({ auths: { [host]: { username: name, password: secret } } }, host),
          expected
        )
      })
    )
  })

  it.each<[unknown, string]>([
    [{ registrytoken: "r", identitytoken: "i", auth: "%", username: "u" }, "RegistryToken r"],
    [{ identitytoken: "i" }, "IdentityToken i"],
    [{ identitytoken: "i", auth: Base64.encode("<token>:x") }, "IdentityToken i"],
    [{ identitytoken: "i", auth: Base64.encode("u:") }, "IdentityToken i"],
    [{ identitytoken: "i", auth: "%" }, "IdentityToken i"],
    [{ identitytoken: "i", auth: Base64.encode("u:p") }, "IdentityToken i beside u:p"],
    [{ identitytoken: "i", username: "u", password: "p" }, "IdentityToken i beside u:p"],
    [{ IdentityToken: "i", Username: "u", PASSWORD: "p" }, "IdentityToken i beside u:p"],
    [{ auth: Base64.encode("a:b"), username: "u", password: "p" }, "a:b"],
    [{ auth: Base64.encode("a:b:c:") }, "a:b:c:"],
    [{ auth: Base64.encode("a:") }, "a:"],
    [{ auth: `${Base64.encode("a:b")}\n` }, "a:b"],
    [{ auth: "YTpi" }, "a:b"],
    [{ auth: "YTpiYg==" }, "a:bb"],
    [{ auth: "YTpiYg" }, "a:bb"],
    [{ auth: "YT pi\r\nYg\n=\n=" }, "a:bb"],
    [{ auth: "YTo_Pz8-Pg" }, "a:???>>"],
    [{ Auth: Base64.encode("a:b") }, "a:b"],
    [{ auth: Base64.encode(":") }, "anonymous"],
    [{ auth: Base64.encode("a:b\0\0") }, "a:b"],
    [{ auth: Base64.encode("a:\0b\0") }, "a:b"],
    [{ auth: "", username: "u", password: "p" }, "u:p"],
    [{ auth: null, username: "u", password: null }, "u:"],
    [{ email: "unknown@example.com" }, "anonymous"],
    [{}, "anonymous"],
    [null, "anonymous"]
  ])("the entry %j means %s", (entry, expected) => {
    assert.strictEqual(
      answer({ auths: { "a.example.com": entry }, credsStore: "x", HttpHeaders: {} }, "a.example.com"),
      expected
    )
  })

  it.each<[unknown, string]>([
    [{ auths: { "a.example.com": 7 } }, "not of the expected shape"],
    [{ auths: { "a.example.com": [] } }, "not of the expected shape"],
    [{ auths: { "a.example.com": { auth: 7 } } }, "not of the expected shape"],
    [{ auths: { "a.example.com": { auth: "s3cr3t!" } } }, "not base64 of username:password"],
    [{ auths: { "a.example.com": { auth: Base64.encode("s3cr3t") } } }, "not base64 of username:password"],
    [{ auths: { "a.example.com": { auth: Base64.encode(":s3cr3t") } } }, "not base64 of username:password"],
    [
      { auths: { "a.example.com": { auth: Base64.encode(new Uint8Array([97, 58, 255])) } } },
      "not base64 of username:password"
    ],
    [{ auths: ["s3cr3t"] }, "not a docker config.json"],
    [["s3cr3t"], "not a docker config.json"],
    ['{"auths": "s3cr3t', "not a docker config.json"],
    ["", "not a docker config.json"]
  ])("%j is refused in words that show nothing of it", (config, expected) => {
    const error = Result.getOrThrow(Result.flip(find(config, "a.example.com")))
    assert.include(error.detail, expected)
    assert.notInclude(JSON.stringify(error), "s3cr3t")
    assert.notInclude(String(error), "s3cr3t")
  })

  it("a broken entry hurts no other host", () => {
    const auths = { "a.example.com": { auth: "%" }, "b.example.com": login("b") }
    assert.strictEqual(answer({ auths }, "b.example.com"), "b:secret")
  })

  it("no config, or one without entries, is anonymous", () => {
    for (const config of [{}, { auths: null }, { auths: {} }, { AUTHS: {} }])
      assert.strictEqual(answer(config, "a.example.com"), "anonymous")
  })

  it("says whether there are `auths`, whether what belongs there stands at the top, and whether helpers are meant", () => {
    const read = (config: unknown) => Result.getOrThrow(DockerConfig.parse(JSON.stringify(config)))
    const of = (config: unknown) => {
      const { auths, isLegacy, usesHelpers } = read(config)
      return [auths !== undefined, isLegacy, usesHelpers]
    }
    assert.deepStrictEqual(of({ auths: {} }), [true, false, false])
    assert.deepStrictEqual(of({ Auths: {}, a: { auth: "x" } }), [true, false, false])
    assert.deepStrictEqual(of({}), [false, false, false])
    assert.deepStrictEqual(of({ HttpHeaders: { a: "b" }, auth: "x" }), [false, false, false])
    assert.deepStrictEqual(of({ "a.example.com": { auth: "x", email: "" } }), [false, true, false])
    assert.deepStrictEqual(of({ "a.example.com": { username: "u", password: "p" } }), [false, true, false])
    assert.deepStrictEqual(of({ auths: {}, credsStore: "desktop" }), [true, false, true])
    assert.deepStrictEqual(of({ auths: {}, credHelpers: { a: "ecr-login" } }), [true, false, true])
  })

  it("a key named as what every object has is a key like any other", () => {
    assert.strictEqual(
      answer(`{"auths":{"__proto__":{"auth":"%"},"constructor":{"auth":"%"}}}`, "localhost"),
      "anonymous"
    )
    assert.strictEqual(answer(`{"auths":{}}`, "constructor"), "anonymous")
    assert.strictEqual(
      answer(`{"auths":{"constructor":{"username":"u","password":"p"}}}`, "constructor"),
      "u:p"
    )
  })

  it("no config of any text throws", () => {
    const total = (config: unknown) => void find(config, "localhost")
    fc.assert(fc.property(fc.oneof(arbitrary.anyText, fc.json()), total))
    const any = fc.option(fc.jsonValue(), { nil: undefined })
    fc.assert(
      fc.property(
        fc.record({ auth: any, username: any, password: any, identitytoken: any, registrytoken: any }),
        (entry) => total({ auths: { localhost: entry } })
      )
    )
    fc.assert(
      fc.property(arbitrary.anyText, arbitrary.anyText, (key, auth) => {
        total({ auths: { [key]: { auth }, localhost: { auth } } })
        total({ auths: { localhost: { auth: Base64.encode(auth) } } })
      })
    )
    for (const [open, close] of [
      ["[", "]"],
      [`{"auths":`, "}"],
      [`{"localhost":`, "}"]
    ] as const) {
      total(`{"auths":${open.repeat(200_000)}1${close.repeat(200_000)}}`)
    }
    total({
      auths: Object.fromEntries(Array.from({ length: 20_000 }, (_, number) => [`https://h${number}/`, {}]))
    })
  })
})
