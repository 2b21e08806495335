import { assert, describe, it } from "@effect/vitest"
import { registrySecret as kind } from "@registry-packages-proxy/credential-store/kinds/RegistrySecret"
import { registrySecret } from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import { Redacted, Result } from "effect"
import { Base64 } from "effect/encoding"
import * as StoredSource from "../../src/internal/kinds/StoredSource.ts"
import { testCertificate } from "./TestCertificate.ts"

const sourceObject = "Secret d8-system/deckhouse-registry"
const decode = (object: unknown, sourceObject: string) =>
  Result.map(kind.decode(object, sourceObject), ({ source }) => source)
const source = (object: unknown, path = "") =>
  Result.getOrThrow(
    StoredSource.forPath(Result.getOrThrow(decode(object, sourceObject)), PathComponents.make(path))
  )
const detail = (object: unknown) => Result.getOrThrow(Result.flip(decode(object, sourceObject))).detail

describe("RegistrySecret", () => {
  it("decode - reads address, path, scheme, CA and login", () => {
    const { credential, ...rest } = source(
      registrySecret({
        address: "registry.example.com:5000",
        path: "/sys/deckhouse",
        scheme: "HTTP",
        ca: testCertificate,
        credentials: { host: "registry.example.com:5000", username: "reader", password: "secret" }
      })
    )
    assert.deepEqual<unknown>(rest, {
      scheme: "http",
      host: "registry.example.com:5000",
      repositoryPrefix: "sys/deckhouse",
      ca: testCertificate,
      sourceObject
    })
    assert.isTrue(credential._tag === "Basic" && Redacted.value(credential.password) === "secret")
  })

  it.each([
    ["/a/b/", "a/b"],
    ["a/b", "a/b"],
    ["", ""],
    [undefined, ""],
    ["/", ""],
    ["/a\n", "a"]
  ])("decode - reads path %j as %j", (path, expected) =>
    assert.strictEqual(
      source(registrySecret({ address: "a.example.com", ...(path === undefined ? {} : { path }) }))
        .repositoryPrefix,
      expected
    )
  )

  it.each([
    ["a.example.com:5000", "a.example.com:5000"],
    ["a.example.com/", "a.example.com"],
    ["a.example.com:5000/\n", "a.example.com:5000"]
  ])("decode - reads address %j as %j", (address, expected) =>
    assert.strictEqual(source(registrySecret({ address, path: "/a" })).host, expected)
  )

  it("decode - is anonymous over https with the system's authorities if only an address is given", () => {
    const { ca, credential, scheme } = source(registrySecret({ address: "a.example.com\n", ca: "" }))
    assert.deepStrictEqual(
      { ca, credential, scheme },
      { ca: undefined, credential: { _tag: "Anonymous" }, scheme: "https" }
    )
  })

  it("decode - keeps the logins of paths, even if the Secret has no path", () => {
    const user = (object: unknown, path: string) => {
      const { credential } = source(object, path)
      return credential._tag === "Basic" ? credential.username : credential._tag
    }
    const auths = {
      "a.example.com/sys": { username: "sys", password: "x" },
      "*.example.com": { username: "all", password: "x" }
    }
    const bare = registrySecret({ address: "a.example.com", auths })
    assert.deepStrictEqual(
      ["", "sys", "sys/b", "b"].map((path) => user(bare, path)),
      ["all", "sys", "sys", "all"]
    )
    const below = registrySecret({ address: "a.example.com", path: "/sys/", auths })
    assert.strictEqual(user(below, "b"), "sys")
  })

  it("decode - warns that no entry is for the registry, unless there is no config", () => {
    const warning = (auths: Record<string, unknown>) =>
      Result.getOrThrow(decode(registrySecret({ address: "a.example.com", auths }), sourceObject)).warning
    assert.include(warning({ "b.example.com": {} }), ".dockerconfigjson has no entry for this registry")
    assert.isUndefined(warning({ "a.example.com/b": {} }))
    assert.isUndefined(
      Result.getOrThrow(decode(registrySecret({ address: "a.example.com" }), sourceObject)).warning
    )
  })

  it("decode - stringData takes precedence over data, as in Kubernetes", () => {
    const data = { address: Base64.encode("a.example.com"), path: Base64.encode("/a") }
    const read = source({ data, stringData: { address: "b.example.com", scheme: "http" } })
    assert.deepInclude({ ...read } as Record<string, unknown>, {
      host: "b.example.com",
      repositoryPrefix: "a",
      scheme: "http"
    })
  })

  it.each<[unknown, string]>([
    [{}, "address is missing"],
    [{ data: null, stringData: null }, "address is missing"],
    [{ data: { address: "%" } }, "data[address] is not base64"],
    [{ data: { address: 1 } }, "data.address is missing or not of the expected type"],
    [registrySecret({ address: "https://a.example.com" }), "address is not host[:port]"],
    [registrySecret({ address: "a.example.com", path: "UPPER" }), "path is not a repository path"],
    [registrySecret({ address: "a.example.com", scheme: "ftp" }), "scheme is not HTTP or HTTPS"],
    [registrySecret({ address: "a.example.com", ca: "x" }), "ca has no PEM certificate"],
    [
      { stringData: { address: "a.example.com", ".dockerconfigjson": "nope" } },
      ".dockerconfigjson: it is not a docker"
    ]
  ])("decode - names what is wrong with %j, and shows none of it", (object, expected) => {
    assert.include(detail(object), expected)
  })
})
