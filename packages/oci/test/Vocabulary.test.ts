import { assert, describe, it } from "@effect/vitest"
import * as Digest from "@registry-packages-proxy/oci/Digest"
import { PlatformText } from "@registry-packages-proxy/oci/Platform"
import { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import * as RepositoryKey from "@registry-packages-proxy/oci/RepositoryKey"
import * as RepositoryName from "@registry-packages-proxy/oci/RepositoryName"
import { Option, Schema } from "effect"
import fc from "fast-check"
import * as arbitrary from "./arbitraries.ts"

const isHost = Schema.is(RegistryHost)
const isName = Schema.is(RepositoryName.RepositoryName)
const decodePlatform = Schema.decodeUnknownOption(PlatformText)

describe("Digest", () => {
  it("is printed from its parts and read again", () => {
    fc.assert(
      fc.property(arbitrary.digest, (text) => {
        const digest = Digest.Digest.make(text)
        assert.strictEqual(`${Digest.algorithm(digest)}:${Digest.encoded(digest)}`, text)
        assert.isTrue(text.startsWith(Digest.short(digest)))
      })
    )
  })

  it.each([
    "",
    "sha256:",
    `sha256:${"a".repeat(63)}`,
    `sha256:${"a".repeat(65)}`,
    `sha256:${"A".repeat(64)}`,
    `SHA256:${"a".repeat(64)}`,
    `sha512:${"a".repeat(64)}`,
    `sha384:${"a".repeat(96)}`,
    ` sha256:${"a".repeat(64)}`,
    `sha256:${"a".repeat(64)}\n`,
    `sha256:${"a".repeat(63)}/`,
    `x\nsha256:${"a".repeat(64)}`
  ])("%j is none", (text) => assert.isFalse(Digest.isDigest(text)))
})

describe("RegistryHost", () => {
  it("is every host name and address, with and without a port", () => {
    fc.assert(fc.property(arbitrary.host, (text) => assert.isTrue(isHost(text), text)))
  })

  it.each([
    "localhost",
    "a.",
    "registry.example.com:5000",
    "127.0.0.1:1",
    "[::1]",
    "[2001:db8::1]:65535",
    "[::ffff:1.2.3.4]:443",
    "xn--e1afmkfd.xn--p1ai"
  ])("%j is one", (text) => assert.isTrue(isHost(text)))

  it.each([
    "",
    ":5000",
    "a:",
    "a:0",
    "a:65536",
    "a:5000/",
    "a/b",
    "a b",
    "user@a",
    "user:password@a",
    "http://a",
    "-a",
    "a-",
    "a..b",
    "a_b",
    "::1",
    "[::1",
    "[::1]5000",
    "[fe80::1%eth0]",
    "[:::]",
    "[1.2.3.4]",
    "999.1.1.1",
    "a?b",
    "a#b",
    "a\n",
    "é.example.com",
    "a".repeat(64),
    "a.".repeat(200)
  ])("%j is none", (text) => assert.isFalse(isHost(text)))
})

describe("RepositoryName", () => {
  it("is every name of OCI components, and a path with slashes around it reads as the same name", () => {
    fc.assert(
      fc.property(arbitrary.name, fc.nat(3), fc.nat(3), (name, before, after) => {
        assert.isTrue(isName(name), name)
        const path = RepositoryName.parsePath("/".repeat(before) + name + "/".repeat(after))
        assert.strictEqual(Option.getOrThrow(path), name)
      })
    )
  })

  it.each([
    "",
    "/",
    "a//b",
    "/a",
    "a/",
    "A",
    "a..b",
    "a___b",
    "-a",
    "a-",
    "a_",
    "a/../b",
    "..",
    ".",
    "a b",
    "a\n",
    "é",
    "a%2fb",
    "a".repeat(256)
  ])("%j is none", (text) => assert.isFalse(isName(text)))

  it("parsePath - an empty path appends nothing, one that is not made of components is refused", () => {
    for (const path of ["", "/", "///"])
      assert.deepStrictEqual(
        RepositoryName.parsePath(path),
        Option.some(RepositoryName.PathComponents.make(""))
      )
    for (const path of ["a//b", "../a", "A", "a ", "a?b"])
      assert.isTrue(Option.isNone(RepositoryName.parsePath(path)))
    assert.isTrue(Option.isNone(RepositoryName.parsePath("/".repeat(1_000_000) + ".")))
  })

  it("join - gives the name at a path, and none where it is empty or longer than 255", () => {
    const path = (text: string) => RepositoryName.PathComponents.make(text)
    assert.deepStrictEqual(
      RepositoryName.join(path("a/b"), path("c")),
      Option.some(RepositoryName.RepositoryName.make("a/b/c"))
    )
    assert.deepStrictEqual(
      RepositoryName.join(path("a"), path("")),
      Option.some(RepositoryName.RepositoryName.make("a"))
    )
    assert.deepStrictEqual(
      RepositoryName.join(path(""), path("a")),
      Option.some(RepositoryName.RepositoryName.make("a"))
    )
    assert.isTrue(Option.isNone(RepositoryName.join(path(""), path(""))))
    assert.isTrue(Option.isSome(RepositoryName.join(path("a".repeat(127)), path("b".repeat(127)))))
    assert.isTrue(Option.isNone(RepositoryName.join(path("a".repeat(128)), path("b".repeat(127)))))
  })
})

describe("RepositoryKey", () => {
  it("is split into what it was printed from, slashes at its end aside", () => {
    fc.assert(
      fc.property(arbitrary.host, arbitrary.name, fc.nat(2), (host, name, slashes) => {
        const key = Option.getOrThrow(RepositoryKey.parse(`${host}/${name}${"/".repeat(slashes)}`))
        assert.deepEqual<unknown>(RepositoryKey.split(key), { host, name })
      })
    )
  })

  it.each([
    "",
    "a",
    "a/",
    "/a",
    "a.example.com",
    "https://a/b",
    "a/B",
    "a//b",
    "a/b//c/",
    "a b/c",
    `a/${"b".repeat(511)}`,
    `a/${"b".repeat(256)}`
  ])("%j is none", (text) => assert.isTrue(Option.isNone(RepositoryKey.parse(text))))
})

it("no text makes any of them throw", () => {
  fc.assert(
    fc.property(arbitrary.anyText, (text) => {
      for (const read of [
        Digest.isDigest,
        isHost,
        isName,
        decodePlatform,
        RepositoryKey.parse,
        RepositoryName.parsePath
      ])
        read(text)
    })
  )
})
