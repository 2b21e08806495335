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

/** Returns a credential and its secrets as text, for comparison. */
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
  it("reads a login, whatever the host, name and password", () => {
    const username = fc
      .string({ unit: "grapheme", minLength: 1 })
      .filter((text) => !text.includes(":") && text.isWellFormed())
    const password = fc
      .string({ unit: "grapheme" })
      .filter((text) => text.isWellFormed() && !text.startsWith("\0") && !text.endsWith("\0"))
    fc.assert(
      fc.property(arbitrary.registryHost, username, password, (host, name, secret) => {
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
    [{ auths: { "a.example.com": 7 } }, "is not an object whose fields"],
    [{ auths: { "a.example.com": [] } }, "is not an object whose fields"],
    [{ auths: { "a.example.com": { auth: 7 } } }, "is not an object whose fields"],
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
  ])("%j is refused with a reason that shows none of its values", (config, expected) => {
    const error = Result.getOrThrow(Result.flip(find(config, "a.example.com")))
    assert.include(error.detail, expected)
    assert.include(error.message, expected)
    assert.notInclude(JSON.stringify(error), "s3cr3t")
    assert.notInclude(String(error), "s3cr3t")
  })

  it("a malformed entry affects no other host", () => {
    const auths = { "a.example.com": { auth: "%" }, "b.example.com": login("b") }
    assert.strictEqual(answer({ auths }, "b.example.com"), "b:secret")
  })

  it("no config, or one without entries, is anonymous", () => {
    for (const config of [{}, { auths: null }, { auths: {} }, { AUTHS: {} }])
      assert.strictEqual(answer(config, "a.example.com"), "anonymous")
  })

  it("recognises `auths`, the legacy layout without them, and credential helpers", () => {
    const read = (config: unknown) => Result.getOrThrow(DockerConfig.parse(JSON.stringify(config)))
    const of = (config: unknown) => {
      const { auths, isLegacy, usesCredentialHelpers } = read(config)
      return [auths !== undefined, isLegacy, usesCredentialHelpers]
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

  it("treats keys such as __proto__ and constructor like any other", () => {
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

  it("never throws, whatever the text", () => {
    const findAny = (config: unknown) => void find(config, "localhost")
    fc.assert(fc.property(fc.oneof(arbitrary.anyText, fc.json()), findAny))
    const any = fc.option(fc.jsonValue(), { nil: undefined })
    fc.assert(
      fc.property(
        fc.record({ auth: any, username: any, password: any, identitytoken: any, registrytoken: any }),
        (entry) => findAny({ auths: { localhost: entry } })
      )
    )
    fc.assert(
      fc.property(arbitrary.anyText, arbitrary.anyText, (key, auth) => {
        findAny({ auths: { [key]: { auth }, localhost: { auth } } })
        findAny({ auths: { localhost: { auth: Base64.encode(auth) } } })
      })
    )
    for (const [open, close] of [
      ["[", "]"],
      [`{"auths":`, "}"],
      [`{"localhost":`, "}"]
    ] as const) {
      findAny(`{"auths":${open.repeat(200_000)}1${close.repeat(200_000)}}`)
    }
    findAny({
      auths: Object.fromEntries(Array.from({ length: 20_000 }, (_, number) => [`https://h${number}/`, {}]))
    })
  })
})
