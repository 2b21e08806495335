import { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import * as ProxySettings from "@registry-packages-proxy/node-net/proxy/ProxySettings"
import { utf8AsLatin1 } from "@registry-packages-proxy/testkit/wire/Latin1"
import { Result } from "effect"
import fc from "fast-check"
import type { Route } from "./harness/Oracle.ts"

const hosts = [
  "test",
  "a.test",
  "b.a.test",
  "ba.test",
  "A.Test",
  "a.test.",
  "a_b.test",
  "xn--fsq092h.test",
  "示例.test",
  "localhost",
  "localhost.test",
  "a.localhost",
  "0.0.0.0",
  "10.1.2.3",
  "10.1.2.4",
  "10.1.2.03",
  "10.1.2",
  "127.0.0.1",
  "127.9.9.9",
  "128.0.0.1",
  "192.168.1.1",
  "255.255.255.255",
  "[::]",
  "[::1]",
  "[::2]",
  "[::ffff:10.1.2.3]",
  "[::ffff:a01:204]",
  "[::ffff:127.0.0.1]",
  "[::10.1.2.3]",
  "[64:ff9b::10.1.2.3]",
  "[fd00::5]",
  "[FD00:0:0::6]",
  "[fe80::1]",
  "[2001:db8:0:1::7]"
]

/**
 * The tested URLs. For each URL and each generated value of NO_PROXY, registry-packages-proxy and Go's httpproxy must
 * choose the same {@link Route}.
 */
export const testedUrls: ReadonlyArray<string> = ["http", "https"].flatMap((scheme) =>
  hosts.flatMap((host) => ["", ":80", ":443", ":8080"].map((port) => `${scheme}://${host}${port}/v2/`))
)

const bare = hosts.map((host) => host.replace(/^\[(.*)\]$/, "$1"))
const ports = fc.constantFrom("", "", "", ":80", ":443", ":8080", ":", ":http", ":080")
const network = fc
  .tuple(fc.constantFrom(...bare), fc.oneof(fc.nat(32), fc.nat(130), fc.constantFrom("", "08", "+8", "8:80")))
  .map((parts) => parts.join("/"))
const bracketed = fc
  .tuple(fc.constantFrom(...bare.filter((host) => host.includes(":"))), ports)
  .map(([host, port]) => (port === "" ? host : `[${host}]${port}`))
const named = fc
  .tuple(fc.constantFrom("", "", ".", "*.", "*", "..", "http://"), fc.constantFrom(...bare), ports)
  .map((parts) => parts.join(""))

/** Generates the values of `entry`, but adds, removes or replaces at most one character of each value. */
const misspelt = (entry: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(entry, fc.nat(30), fc.nat(1), fc.constantFrom(...Array.from(".:*/%[] 0aFé-")), fc.nat(1))
    .map(([text, at, without, added, adds]) => {
      const characters = Array.from(text)
      characters.splice(at, without, ...(adds === 1 ? [added] : []))
      return characters.join("")
    })

const valid = fc.oneof(network, bracketed, named)

/**
 * Generates valid and misspelt values of NO_PROXY. Generates no entries in brackets without a port, such as `[::1]`,
 * because registry-packages-proxy and httpproxy read them differently. {@link deliberateDifferences} contains such an
 * entry.
 */
export const noProxyValues: fc.Arbitrary<string> = fc
  .array(fc.tuple(fc.constantFrom("", " "), fc.oneof({ weight: 3, arbitrary: valid }, misspelt(valid))), {
    minLength: 1,
    maxLength: 3
  })
  .map((entries) => entries.map((entry) => entry.join("")).join(","))
  .filter((value) => !/(?:^|,) *\[[^\]]*\] *(?:,|$)/.test(value))

/**
 * A value of NO_PROXY and a URL for which registry-packages-proxy and httpproxy choose different routes. This
 * difference is intended.
 */
export interface DeliberateDifference {
  readonly noProxy: string
  readonly url: string
}

export const deliberateDifferences: ReadonlyArray<DeliberateDifference> = [
  { noProxy: "[fd00::5]", url: "http://[fd00::5]/" },
  { noProxy: "a.test", url: "http://LOCALHOST/" },
  { noProxy: "a.test", url: "http://[fe80::1%25eth0]/" }
]

/** Returns the name of a difference. A table row in docs/registries.md begins with this name. */
export const nameOf = ({ noProxy, url }: DeliberateDifference): string => `NO_PROXY=${noProxy} for ${url}`

const parsed = (text: string) => HttpUrl.parse(utf8AsLatin1(text))

/** Returns the routes that registry-packages-proxy chooses with this value of NO_PROXY, in the order of the URLs. */
export const routesOfProgram = (noProxy: string, all: ReadonlyArray<string>): ReadonlyArray<Route> => {
  const settings = Result.getOrThrow(
    ProxySettings.fromEnvironment({ HTTP_PROXY: "proxy.test", HTTPS_PROXY: "proxy.test", NO_PROXY: noProxy })
  )
  return all.map((each) =>
    Result.match(
      Result.flatMap(parsed(each), (url) => settings.proxyFor(url.protocol, url)),
      {
        onFailure: () => "invalid",
        onSuccess: (proxy) => (proxy === undefined ? "direct" : "proxied")
      }
    )
  )
}
