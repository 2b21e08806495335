import { assert, describe, it } from "@effect/vitest"
import { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import * as arbitrary from "@registry-packages-proxy/testkit/arbitraries/OciText"
import { Schema } from "effect"
import fc from "fast-check"

const isHost = Schema.is(RegistryHost)

describe("RegistryHost", () => {
  it("accepts every host name and address, with and without a port", () => {
    fc.assert(fc.property(arbitrary.registryHost, (text) => assert.isTrue(isHost(text), text)))
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
  ])("%j is a registry host", (text) => assert.isTrue(isHost(text)))

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
  ])("%j is not a registry host", (text) => assert.isFalse(isHost(text)))

  it("never throws, whatever the text", () => {
    fc.assert(fc.property(arbitrary.anyText, (text) => void isHost(text)))
  })
})
