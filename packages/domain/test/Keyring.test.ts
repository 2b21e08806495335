import { assert, describe, it } from "@effect/vitest"
import * as DockerConfig from "@registry-packages-proxy/domain/DockerConfig"
import * as Keyring from "@registry-packages-proxy/domain/Keyring"
import { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import { Result } from "effect"
import { Base64 } from "effect/encoding"
import fc from "fast-check"
import * as DockerConfigKey from "../src/internal/DockerConfigKey.ts"
import * as arbitrary from "@registry-packages-proxy/testkit/arbitraries/OciText"

/** Makes the keyring of a registry from a docker config with these entries. */
const keyringOf = (registry: string, auths: Readonly<Record<string, unknown>>): Keyring.Keyring =>
  Keyring.make(Result.getOrThrow(DockerConfig.parse(JSON.stringify({ auths }))), RegistryHost.make(registry))

const login = (key: string) => ({ username: key, password: "x" })

const logins = (keys: ReadonlyArray<string>) => Object.fromEntries(keys.map((key) => [key, login(key)]))

/**
 * Returns the username in the entry that is used for the repository `image`. The username of each entry equals its key.
 * `nobody` means anonymous, and `error` means that the entry is malformed.
 */
const userFor = (auths: Readonly<Record<string, unknown>>, image: string): string => {
  const slash = image.indexOf("/")
  const keyring = keyringOf(image.slice(0, slash), auths)
  return Result.match(Keyring.lookup(keyring, image.slice(slash + 1)), {
    onFailure: () => "error",
    onSuccess: (credential) => (credential._tag === "Basic" ? credential.username : "nobody")
  })
}

const h = "registry.example.com"
const kubelet = "kubelet"
const docker = "docker"
const podman = "podman"

describe("the docker config entry that is used for a repository", () => {
  it.each<[situation: string, image: string, keys: ReadonlyArray<string>, expected: string, others: string]>([
    ["the host", `${h}/a/b`, ["other.example.com", h], h, "all"],
    ["the host with its port", `${h}:5000/a`, [h, `${h}:5000`], `${h}:5000`, "all"],
    ["not the host on another port", `${h}:5000/a`, [`${h}:5001`], "nobody", "all"],
    ["not the host without port", `${h}:5000/a`, [h], "nobody", "all"],
    ["not a host with the same end", `${h}/a`, [`other.${h}`, "example.com"], "nobody", "all"],
    ["not a host in another's path", `${h}/a`, [`other.example.com/${h}`], "nobody", "all"],
    ["not an empty key", `${h}/a`, [""], "nobody", "all"],
    ["a host in another case", `${h}/a`, ["Registry.Example.COM"], "Registry.Example.COM", docker],
    ["a repository whose host is in another case", "Registry.Example.com/a", [h], h, docker],
    ["a key with https", `${h}/a`, [`https://${h}`], `https://${h}`, "all"],
    ["a key with http", `${h}/a`, [`http://${h}/`], `http://${h}/`, "all"],
    ["a scheme in another case", `${h}/a`, [`HTTPS://${h}`], `HTTPS://${h}`, "nobody"],
    ["a key with a user", `${h}/a`, [`https://me@${h}`], `https://me@${h}`, kubelet],
    ["a key with a query", `${h}/a`, [`https://${h}/a?x=/b#c`], `https://${h}/a?x=/b#c`, kubelet],
    ["a key that ends in /v1/", `${h}/a`, [`https://${h}/v1/`], `https://${h}/v1/`, `${kubelet}, ${docker}`],
    ["a key that ends in /v2/", `${h}/a`, [`${h}/v2/`], `${h}/v2/`, `${kubelet}, ${docker}`],
    ["a key that ends in /v2", `${h}/a`, [`https://${h}/v2`], `https://${h}/v2`, docker],
    ["a key that ends in /v2, for a repository of that name", `${h}/v2/a`, [`${h}/v2`], `${h}/v2`, "all"],
    ["a path behind /v2/", `${h}/a/b`, [h, `${h}/v2/a`], `${h}/v2/a`, kubelet],
    ["not another path behind /v2/", `${h}/b`, [`${h}/v2/a`], "nobody", kubelet],
    [
      "the longest path",
      `${h}/a/b/c`,
      [h, `${h}/a`, `${h}/a/b`, `${h}/a/b/d`],
      `${h}/a/b`,
      `${kubelet}, ${podman}`
    ],
    [
      "the longest path, whatever the order",
      `${h}/a/b/c`,
      [`${h}/a/b`, `${h}/a`, h],
      `${h}/a/b`,
      `${kubelet}, ${podman}`
    ],
    [
      "the whole name",
      `${h}/a/b`,
      [h, `${h}/a/b`],
      `${h}/a/b`,
      `${kubelet}, ${podman}, go-containerregistry`
    ],
    [
      "the host if all paths are of other repositories",
      `${h}/a`,
      [`${h}/b`, h, `${h}/c`],
      h,
      `${kubelet}, ${podman}`
    ],
    ["none if all paths are of other repositories", `${h}/a`, [`${h}/b`], "nobody", `${kubelet}, ${podman}`],
    ["not a prefix that ends inside a component", `${h}/group/a`, [`${h}/gro`, h], h, podman],
    ["a path with a slash at its end", `${h}/a/b`, [h, `https://${h}/a/`], `https://${h}/a/`, kubelet],
    [
      "a path with a slash at its end, for the repository itself",
      `${h}/a`,
      [`${h}/a//`],
      `${h}/a//`,
      "nobody"
    ],
    ["a glob", `${h}/a`, ["*.example.com"], "*.example.com", kubelet],
    ["a glob in any label", `${h}/a`, ["registry.*.com"], "registry.*.com", kubelet],
    ["a glob within a label", `${h}/a`, ["re*try.example.c*"], "re*try.example.c*", kubelet],
    ["not a glob over several labels", `${h}/a`, ["*.com", "*", "*.*.example.com"], "nobody", kubelet],
    [
      "a glob and a port",
      `${h}:5000/a`,
      ["*.example.com", "*.example.com:5000"],
      "*.example.com:5000",
      kubelet
    ],
    ["no glob in a port", `${h}:5000/a`, ["*.example.com:*"], "nobody", kubelet],
    ["no glob in a path", `${h}/a/b`, [`${h}/*`], "nobody", kubelet],
    ["the host rather than a glob", `${h}/a`, ["*.example.com", h], h, kubelet],
    [
      "a key with a scheme rather than a glob",
      `${h}/a`,
      ["*.example.com", `https://${h}`],
      `https://${h}`,
      kubelet
    ],
    ["a glob's path rather than the host", `${h}/a/b`, [h, "*.example.com/a"], "*.example.com/a", "nobody"],
    [
      "the last glob in alphabetical order",
      `${h}/a`,
      ["*.example.com", "r*.example.com"],
      "r*.example.com",
      kubelet
    ],
    ["the host as it is written", `${h}/a`, [`https://${h}/v1/`, h], h, docker],
    ["the first of equal keys", `${h}/a`, [`https://${h}`, `http://${h}`], `https://${h}`, "nobody"],
    ["an IPv6 address", "[::1]:5000/a", ["[::1]", "[::1]:5000"], "[::1]:5000", docker],
    [
      "an IPv6 address in a URL",
      "[2001:db8::1]/a",
      ["https://[2001:db8::1]/v2/"],
      "https://[2001:db8::1]/v2/",
      docker
    ],
    ["no glob of IPv6 addresses", "[::1]/a", ["[*", "[*]"], "nobody", "all"],
    [
      "Docker Hub's key for docker.io",
      "docker.io/a/b",
      ["https://index.docker.io/v1/"],
      "https://index.docker.io/v1/",
      "all"
    ],
    [
      "Docker Hub's key for its other name",
      "index.docker.io/a",
      ["https://index.docker.io/v1/"],
      "https://index.docker.io/v1/",
      "all"
    ],
    ["Docker Hub's key for its registry", "registry-1.docker.io/a", ["docker.io"], "docker.io", "nobody"],
    [
      "Docker Hub's key with a path",
      "docker.io/a/b",
      ["https://index.docker.io/v1/", "docker.io/a"],
      "docker.io/a",
      podman
    ],
    [
      "not a host that ends like Docker Hub",
      "evil-docker.io/a",
      ["https://index.docker.io/v1/"],
      "nobody",
      "all"
    ]
  ])("is that of %s: for %s and keys %j it is %s (as in %s)", (_situation, image, keys, expected) => {
    assert.strictEqual(userFor(logins(keys), image), expected)
  })

  it("is not an entry without credentials if another entry for the same path has some", () => {
    for (const empty of [{}, null, { auth: "" }, { email: "a" }, { auth: Base64.encode(":") }]) {
      assert.strictEqual(userFor({ [h]: empty, [`https://${h}`]: login("b") }, `${h}/a`), "b")
      assert.strictEqual(userFor({ [`https://${h}`]: login("b"), [h]: empty }, `${h}/a`), "b")
      assert.strictEqual(userFor({ [h]: login("b"), [`${h}/a`]: empty }, `${h}/a/b`), "nobody")
    }
  })

  it("must be readable; the other entries need not be", () => {
    const broken = { auth: "%" }
    assert.strictEqual(userFor({ [h]: broken, "other.example.com": login("b") }, "other.example.com/a"), "b")
    assert.strictEqual(userFor({ [h]: login("b"), [`${h}/b`]: broken }, `${h}/a`), "b")
    assert.strictEqual(userFor({ [h]: login("b"), [`${h}/b`]: broken }, `${h}/b/c`), "error")
    assert.strictEqual(userFor({ [h]: broken, [`${h}/a`]: login("b") }, `${h}/a`), "b")
    assert.strictEqual(userFor({ [h]: broken, [`https://${h}`]: login("b") }, `${h}/a`), "error")
    assert.strictEqual(userFor({ [h]: 7 }, `${h}/a`), "error")
  })

  it("is that of the longest path that leads to the repository", () => {
    const component = fc.constantFrom("a", "b", "ab")
    const path = fc.array(component, { maxLength: 4 }).map((components) => components.join("/"))
    fc.assert(
      fc.property(
        fc.uniqueArray(path, { maxLength: 8 }),
        path.filter((name) => name !== ""),
        (paths, name) => {
          const longest = paths
            .filter((one) => `${name}/`.startsWith(one === "" ? "" : `${one}/`))
            .sort((one, other) => other.length - one.length)[0]
          const expected = longest === undefined ? "nobody" : `${h}/${longest}`
          assert.strictEqual(userFor(logins(paths.map((one) => `${h}/${one}`)), `${h}/${name}`), expected)
        }
      )
    )
  })

  it("hasEntryFor, hasMalformedEntryBelow - find entries for the repository, above and below it", () => {
    const base = PathComponents.make("a/b")
    const has = (key: string) => Keyring.hasEntryFor(keyringOf(h, logins([key])), base)
    assert.deepStrictEqual([h, `${h}/a`, `${h}/a/b`, `${h}/a/b/c`].map(has), [true, true, true, true])
    assert.deepStrictEqual([`${h}/a/c`, `${h}/a/bc`, "other.example.com"].map(has), [false, false, false])
    assert.isTrue(Keyring.hasEntryFor(keyringOf(h, logins([`${h}/a`])), PathComponents.make("")))
    const isBroken = (key: string) => Keyring.hasMalformedEntryBelow(keyringOf(h, { [key]: 7 }), base)
    assert.deepStrictEqual([`${h}/a/b/c`, `${h}/a/c`, `${h}/a`].map(isBroken), [true, false, false])
  })

  it("shows no password when it is printed", () => {
    const keyring = keyringOf(h, {
      [h]: { username: "u", password: "s3cr3t" },
      [`${h}/a`]: { auth: "s3cr3t" }
    })
    const all = [[...keyring], Keyring.lookup(keyring, ""), Keyring.lookup(keyring, "a")]
    assert.notInclude(JSON.stringify(all), "s3cr3t")
  })

  it("never throws, whatever the key", () => {
    fc.assert(
      fc.property(arbitrary.anyText, arbitrary.registryHost, (key, host) => {
        userFor({ [key]: login("x"), [`*.${key}`]: login("y") }, `${host}/a`)
      })
    )
  })
})

describe("a glob in a host's label", () => {
  const matches = (pattern: string, label: string) =>
    DockerConfigKey.matchesHost({ host: `${pattern}.x`, path: "" }, `${label}.x`)

  it.each([
    ["*", "a", true],
    ["**", "abc", true],
    ["a*c", "abbc", true],
    ["a*c", "ac", true],
    ["a*c", "abcd", false],
    ["a*a", "a", false],
    ["*b*", "abc", true],
    ["*b*c", "acb", false],
    ["*ab*ab*", "abxab", true],
    ["*ab*ab*", "abab", true],
    ["*ab*ab*", "abb", false]
  ])("%j and %j: %j", (pattern, label, expected) => assert.strictEqual(matches(pattern, label), expected))

  it("matches any text, and all other characters match themselves", () => {
    const label = fc.stringMatching(/^[ab-]{0,9}$/)
    const pattern = fc
      .array(fc.oneof(label, fc.constant("*")), { maxLength: 5 })
      .map((parts) => parts.join(""))
    fc.assert(
      fc.property(pattern, label, (glob, text) => {
        const expected = new RegExp(`^${glob.replaceAll("*", ".*")}$`).test(text)
        assert.strictEqual(matches(glob, text), expected)
        assert.isTrue(matches(glob, glob.replaceAll("*", text)))
      })
    )
  })
})
