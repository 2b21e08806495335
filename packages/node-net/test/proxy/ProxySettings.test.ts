import { assert, describe, it } from "@effect/vitest"
import type { EnvironmentVariables } from "@registry-packages-proxy/node-net/EnvironmentVariables"
import { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import * as ProxySettings from "@registry-packages-proxy/node-net/proxy/ProxySettings"
import { utf8AsLatin1 } from "@registry-packages-proxy/testkit/wire/Latin1"
import { Redacted, Result } from "effect"
import fc from "fast-check"

const urlOf = (text: string): HttpUrl => Result.getOrThrow(HttpUrl.parse(utf8AsLatin1(text)))

/** Returns the proxy for a URL as `http://host port`, or `direct`, or the message of the error. */
const route = (env: EnvironmentVariables, address: string): string => {
  const url = urlOf(address)
  return Result.match(ProxySettings.fromEnvironment(env), {
    onFailure: ({ reason, setting }) => `${setting}: ${reason}`,
    onSuccess: (settings) =>
      Result.match(settings.proxyFor(url.protocol, url), {
        onFailure: ({ detail }) => `refused: ${detail}`,
        onSuccess: (proxy) =>
          proxy === undefined ? "direct" : `${proxy.protocol}//${proxy.hostname} ${proxy.port}`
      })
  })
}

const isProxied = (noProxy: string, address: string): boolean =>
  route({ HTTP_PROXY: "proxy.test:1", HTTPS_PROXY: "proxy.test:1", NO_PROXY: noProxy }, address) !== "direct"

describe("the address of a proxy", () => {
  for (const [value, expected] of [
    ["127.0.0.1:8080", "http://127.0.0.1:8080"],
    ["cache.corp.test:1234", "http://cache.corp.test:1234"],
    ["cache.corp.test", "http://cache.corp.test:80"],
    ["localhost", "http://localhost:80"],
    ["proxy", "http://proxy:80"],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080"],
    ["HTTP://Proxy.Test:8080", "http://proxy.test:8080"],
    ["https://cache.corp.test", "https://cache.corp.test:443"],
    ["https://127.0.0.1:8443/", "https://127.0.0.1:8443"],
    ["http://proxy.test:3128/path?query#fragment", "http://proxy.test:3128"],
    ["  http://proxy.test:3128 ", "http://proxy.test:3128"],
    ["[::1]:3128", "http://::1:3128"],
    ["http://[FD00::0001]:3128", "http://fd00::1:3128"],
    ["http://proxy_1.test:3128", "http://proxy_1.test:3128"],
    ["http://прокси.test:3128", "http://xn--h1adldfi.test:3128"],
    ["http://proxy.test:", "http://proxy.test:80"]
  ] as const) {
    it(`may be ${JSON.stringify(value)}`, () => {
      assert.strictEqual(
        route({ HTTP_PROXY: value }, "http://server.test/").replace(/ (?=\d+$)/, ":"),
        expected
      )
    })
  }

  for (const [value, user] of [
    ["http://user:p%40ss@proxy.test:1", "user:p@ss"],
    ["user:pass@proxy.test:1", "user:pass"],
    ["https://user@proxy.test", "user:"],
    ["http://us%3Aer:p@ss@proxy.test", "us:er:p@ss"],
    ["http://us%D1%84:@proxy.test", "usф:"]
  ] as const) {
    it(`may have a user, as ${value}`, () => {
      const settings = Result.getOrThrow(ProxySettings.fromEnvironment({ HTTP_PROXY: value }))
      const proxy = Result.getOrThrow(settings.proxyFor("http:", { hostname: "server.test", port: 80 }))
      const encoded = proxy?.authorization && Redacted.value(proxy.authorization)
      assert.strictEqual(encoded, `Basic ${Buffer.from(user, "utf8").toString("base64")}`)
      assert.notInclude(JSON.stringify(proxy), "pass")
      assert.notInclude(JSON.stringify(proxy), String(encoded))
    })
  }

  for (const [value, why] of [
    ["socks5://s3cret@proxy.test:1080", "its scheme is socks5"],
    ["socks5h://proxy.test:1080", "its scheme is socks5h"],
    ["ftp://proxy.test", "its scheme is ftp"],
    ["s3cret://proxy.test", "its scheme is neither http nor https"],
    ["http:/s3cret", "it has no host after its scheme"],
    ["http:", "it has no host after its scheme"],
    ["https:proxy.test:s3cret", "it is not the address of a proxy"],
    ["http://", "it is not the address of a proxy"],
    ["http://s3cret@:::", "it is not the address of a proxy"],
    ["http://user:s3 cret@proxy.test", "it is not the address of a proxy"],
    ["http://user:s3cret%zz@proxy.test", "it is not the address of a proxy"],
    ["http://proxy.test:s3cret", "it is not the address of a proxy"],
    ["http://proxy.test:99999", "it is not the address of a proxy"],
    ["s3 cret", "it is not the address of a proxy"],
    ["::1", "it is not the address of a proxy"],
    ["//proxy.test:1", "it is not the address of a proxy"]
  ] as const) {
    it(`may not be ${JSON.stringify(value)}, and the error does not show it`, () => {
      const error = route({ https_proxy: value }, "https://server.test/")
      assert.strictEqual(error, `https_proxy: ${why}`)
      assert.notInclude(error, "cret")
    })
  }
})

describe("the proxy variables", () => {
  const all = { HTTP_PROXY: "http.test", HTTPS_PROXY: "https.test:3129" }

  it("apply to requests of their own scheme", () => {
    assert.strictEqual(route(all, "http://server.test/"), "http://http.test 80")
    assert.strictEqual(route(all, "https://server.test/"), "http://https.test 3129")
    assert.strictEqual(route({ HTTP_PROXY: "http.test" }, "https://server.test/"), "direct")
    assert.strictEqual(route({ HTTPS_PROXY: "https.test" }, "http://server.test/"), "direct")
    assert.strictEqual(
      route({ ALL_PROXY: "all.test", all_proxy: "all.test" }, "http://server.test/"),
      "direct"
    )
  })

  it("take effect in lowercase if both are set, unless the lowercase one is empty", () => {
    assert.strictEqual(
      route({ HTTP_PROXY: "upper", http_proxy: "lower" }, "http://a.test/"),
      "http://lower 80"
    )
    assert.strictEqual(route({ HTTP_PROXY: "upper", http_proxy: "" }, "http://a.test/"), "http://upper 80")
    assert.strictEqual(route({ HTTP_PROXY: "upper", http_proxy: " " }, "http://a.test/"), "http://upper 80")
    assert.strictEqual(route({ ...all, NO_PROXY: "a.test", no_proxy: "b.test" }, "http://b.test/"), "direct")
    assert.strictEqual(
      route({ ...all, NO_PROXY: "a.test", no_proxy: "b.test" }, "http://a.test/"),
      "http://http.test 80"
    )
  })

  it("in a CGI program: HTTP_PROXY, which a client may have set, is refused; HTTPS_PROXY is not", () => {
    const cgi = { ...all, REQUEST_METHOD: "GET" }
    assert.match(route(cgi, "http://server.test/"), /^refused: HTTP_PROXY .*REQUEST_METHOD/)
    assert.strictEqual(route(cgi, "https://server.test/"), "http://https.test 3129")
    assert.strictEqual(route({ REQUEST_METHOD: "GET" }, "http://server.test/"), "direct")
    assert.strictEqual(route({ ...all, REQUEST_METHOD: "" }, "http://server.test/"), "http://http.test 80")
  })

  it("name no proxy if they are absent or empty", () => {
    assert.strictEqual(route({}, "http://server.test/"), "direct")
    assert.strictEqual(route({ HTTP_PROXY: "", HTTPS_PROXY: undefined }, "http://server.test/"), "direct")
  })
})

describe("a proxy-url", () => {
  it("is used for every server, loopback too", () => {
    const settings = Result.getOrThrow(ProxySettings.forAllServers("proxy.test:3128", "proxy-url"))
    for (const hostname of ["server.test", "127.0.0.1", "localhost"]) {
      assert.deepInclude(Result.getOrThrow(settings.proxyFor("https:", { hostname, port: 443 })), {
        hostname: "proxy.test",
        port: 3128,
        setting: "proxy-url"
      })
    }
    assert.isTrue(Result.isFailure(ProxySettings.forAllServers("socks5://proxy.test", "proxy-url")))
  })
})

describe("NO_PROXY", () => {
  const list =
    "foobar.test, .barbaz.test, *.wildcard.test, 192.168.1.1, 192.168.1.2:81, 192.168.1.3:80, 10.0.0.0/30, 2001:db8::52:0:1, [2001:db8::52:0:2]:443, [2001:db8::52:0:3]:80, 2002:db8:a::45/64"

  // The cases from the tests of golang.org/x/net, and similar cases.
  for (const [noProxy, address, proxied, why] of [
    ["", "http://localhost/", false, "localhost is never proxied"],
    ["", "http://127.0.0.1:5000/", false, "nor loopback addresses"],
    ["", "http://127.9.9.9/", false, "of the whole block"],
    ["", "http://[::1]/", false, "and of IPv6"],
    ["", "http://[::ffff:127.0.0.1]/", false, "however they are written"],
    ["", "http://[::2]/", true, "the next address is not loopback"],
    ["", "http://LOCALHOST/", false, "nor localhost in capitals; Go does"],
    ["", "http://localhost.test/", true, "a name that begins so is another"],
    ["", "http://local.localhost/", true, "and one that ends so"],
    [list, "http://192.168.1.1/", false, "an address"],
    [list, "http://192.168.1.1:5000/", false, "an address, on every port"],
    [list, "http://192.168.1.2/", true, "an address with another port"],
    [list, "http://192.168.1.3/", false, "an address with the scheme's own port"],
    [list, "https://192.168.1.3/", true, "which is another for https"],
    [list, "http://192.168.1.4/", true, "an address that is not there"],
    [list, "http://10.0.0.2/", false, "a subnet"],
    [list, "http://10.0.0.4/", true, "beyond a subnet"],
    [list, "http://[2001:db8::52:0:1]/", false, "an IPv6 address"],
    [list, "http://[2001:DB8:0:0:0:52::1]/", false, "an IPv6 address written otherwise"],
    [list, "http://[2001:db8::52:0:2]/", true, "an IPv6 address with another port"],
    [list, "http://[2001:db8::52:0:3]/", false, "an IPv6 address with its port"],
    [list, "http://[2002:db8:a::123]/", false, "an IPv6 subnet"],
    [list, "http://[2002:db8:b::123]/", true, "beyond an IPv6 subnet"],
    [list, "http://barbaz.test/", true, "a leading dot leaves the domain itself out"],
    [list, "http://www.barbaz.test/", false, "and means its subdomains"],
    [list, "http://foobar.test/", false, "a domain"],
    [list, "http://www.foobar.test/", false, "a domain means its subdomains too"],
    [list, "http://FOOBAR.test/", false, "in any case"],
    [list, "http://foofoobar.test/", true, "but not what ends in its letters"],
    [list, "http://baz.test/", true, "nor what it ends in"],
    [list, "http://wildcard.test/", true, "*. leaves the domain itself out"],
    [list, "http://nested.wildcard.test/", false, "and means its subdomains"],
    [list, "http://awildcard.test/", true, "by whole labels"],
    ["*", "http://server.test/", false, "* means all"],
    ["a.test,*", "https://[2001:db8::1]/", false, "wherever it stands"],
    ["a.test:8080", "http://a.test:8080/", false, "a domain with its port"],
    ["a.test:8080", "http://b.a.test:8080/", false, "and its subdomains"],
    ["a.test:8080", "http://a.test/", true, "on that port alone"],
    ["a.test:443", "https://a.test/", false, "which may be the scheme's own"],
    ["a.test.", "http://a.test/", true, "a dot at the end is another name"],
    ["示例.test", "http://www.xn--fsq092h.test/", false, "a name in Unicode"],
    ["xn--fsq092h.test", "http://www.示例.test/", false, "or as DNS has it"],
    [".示例.test", "http://示例.test/", true, "with a leading dot"],
    ["示例.test/8", "http://示例.test/", true, "but not what only begins with it"],
    ["示例.test?", "http://示例.test/", true, "as here"],
    ["10.0.0.0/8", "http://[::ffff:10.1.2.3]/", false, "an IPv4-mapped address is IPv4"],
    ["::ffff:10.0.0.0/104", "http://10.1.2.3/", false, "on both sides"],
    ["::ffff:10.0.0.0/64", "http://[::2]/", false, "but not with a prefix shorter than 96 bits"],
    ["::ffff:10.0.0.0/64", "http://10.1.2.3/", true, "which is an IPv6 subnet"],
    ["::/0", "http://10.1.2.3/", true, "but no IPv6 subnet holds it"],
    ["0.0.0.0/0", "http://[fd00::1]/", true, "nor the other way round"],
    ["10.0.0.0/8", "http://10.test/", true, "a name is in no subnet"],
    ["10.0.0.0/33,10.0.0.0/8:80,10.0.0", "http://10.0.0.1/", true, "other entries are skipped"],
    [":80,,  ,http://a.test,[fd00::5", "http://a.test/", true, "without an error"],
    ["[fd00::5]", "http://[fd00::5]/", false, "brackets without a port are taken too; Go does not"],
    ["a.test b.test", "http://a.test/", true, "blanks do not separate entries"]
  ] as const) {
    it(`${JSON.stringify(noProxy.length > 60 ? "..." : noProxy)} for ${address}: ${why}`, () => {
      assert.strictEqual(isProxied(noProxy, address), proxied)
    })
  }

  const label = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/)
  const name = fc
    .array(label, { minLength: 1, maxLength: 4 })
    .filter((labels) => labels.at(-1) !== "localhost")

  it("covers the subdomains of a domain by whole labels, whatever the names", () => {
    fc.assert(
      fc.property(name, name, fc.boolean(), fc.boolean(), (entry, host, below, dotted) => {
        const full = below ? [...host, ...entry] : host
        const tail = full.slice(-entry.length).join(".")
        const covers = tail === entry.join(".") && (full.length > entry.length || !dotted)
        const text = `${dotted ? "." : ""}${entry.join(".")}`
        assert.strictEqual(isProxied(text, `http://${full.join(".")}/`), !covers)
      })
    )
  })

  const octets = fc.array(fc.nat(255), { minLength: 4, maxLength: 4 })

  it("covers an IPv4 subnet bit by bit", () => {
    const bitsOf = (address: ReadonlyArray<number>): string =>
      address.map((octet) => octet.toString(2).padStart(8, "0")).join("")
    fc.assert(
      fc.property(octets, octets, fc.nat(32), fc.nat(32), (network, other, bits, shared) => {
        // The address shares its first bits with the network, so that it is often inside the subnet.
        const mixed = (bitsOf(network).slice(0, shared) + bitsOf(other).slice(shared)).match(/.{8}/g) ?? []
        const address = mixed.map((octet) => Number.parseInt(octet, 2))
        const isInside = bitsOf(address).slice(0, bits) === bitsOf(network).slice(0, bits)
        const direct = isInside || address[0] === 127
        assert.strictEqual(isProxied(`${network.join(".")}/${bits}`, `http://${address.join(".")}/`), !direct)
      })
    )
  })

  it("never throws, and keeps loopback direct, whatever the text", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...Array.from("aé示.:,*[]/%@0123456789 \0\n")) }),
        (text) => {
          assert.isFalse(isProxied(text, "http://127.0.0.1/"))
          isProxied(text, "http://server.test/")
          isProxied(text, "http://10.0.0.1/")
        }
      )
    )
  })
})
