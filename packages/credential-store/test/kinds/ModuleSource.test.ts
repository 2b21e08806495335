import { assert, describe, it } from "@effect/vitest"
import { moduleSource as kind } from "@registry-packages-proxy/credential-store/kinds/ModuleSource"
import {
  moduleSource,
  type ModuleSourceOptions
} from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import { emptyPath, PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import { Redacted, Result } from "effect"
import { Base64 } from "effect/encoding"
import * as StoredSource from "../../src/internal/kinds/StoredSource.ts"
import { testCertificate } from "./TestCertificate.ts"

const { repositoryOf, decode } = kind
const repo = "registry.example.com/modules"
const read = (options: Partial<ModuleSourceOptions>) =>
  decode(moduleSource({ name: "a", repo, ...options }), "ModuleSource a")
const stored = (options: Partial<ModuleSourceOptions>) => Result.getOrThrow(read(options)).source
const source = (options: Partial<ModuleSourceOptions>, path = emptyPath) =>
  Result.getOrThrow(StoredSource.forPath(stored(options), path))
const detail = (object: unknown) => Result.getOrThrow(Result.flip(decode(object, "ModuleSource a"))).detail

describe("ModuleSource", () => {
  it("decode - a ModuleSource with only a repo is anonymous over https", () => {
    assert.deepEqual<unknown>(source({}), {
      scheme: "https",
      host: "registry.example.com",
      repositoryPrefix: "modules",
      credential: { _tag: "Anonymous" },
      ca: undefined,
      sourceObject: "ModuleSource a"
    })
  })

  it.each([
    ["HTTP", "http"],
    ["http", "http"],
    ["HTTPS", "https"],
    ["Https", "https"],
    ["", "https"]
  ])("decode - reads scheme %j as %s", (scheme, expected) =>
    assert.strictEqual(source({ scheme }).scheme, expected)
  )

  it("decode - reads the login of the repository's host, also from base64 with line breaks", () => {
    const config = JSON.stringify({
      auths: {
        "other.example.com": { username: "no", password: "no" },
        "registry.example.com": { username: "reader", password: "pass:word" }
      }
    })
    const credential = source({ dockerCfg: Base64.encode(config).replace(/(.{20})/g, "$1\n") }).credential
    assert.isTrue(credential._tag === "Basic" && Redacted.value(credential.password) === "pass:word")
  })

  it.each(["", Base64.encode(""), Base64.encode("{}"), Base64.encode(`{"auths":{}}`)])(
    "decode - treats dockerCfg %j as anonymous",
    (dockerCfg) => assert.strictEqual(source({ dockerCfg }).credential._tag, "Anonymous")
  )

  it.each([
    "registry.example.com/modules",
    "registry.example.com/modules/",
    "registry.example.com/modules//"
  ])("decode - reads repo %j as one repository", (written) => {
    const { key, source } = Result.getOrThrow(read({ repo: written }))
    assert.deepEqual<unknown>(
      [key, source.host, source.repositoryPrefix],
      [repo, "registry.example.com", "modules"]
    )
    assert.strictEqual(repositoryOf(moduleSource({ name: "a", repo: written })), key)
  })

  it("decode - keeps the logins of paths below the repository", () => {
    const auths = {
      [repo]: { username: "all", password: "x" },
      [`${repo}/a`]: { username: "a", password: "x" },
      [`${repo}/b`]: { auth: "%" }
    }
    const user = (path: string) => {
      const { credential } = source({ auths }, PathComponents.make(path))
      return credential._tag === "Basic" ? credential.username : credential._tag
    }
    assert.deepStrictEqual(["", "a", "a/b", "ab", "c"].map(user), ["all", "a", "a", "all", "all"])
    const broken = StoredSource.forPath(stored({ auths }), PathComponents.make("b/c"))
    assert.include(Result.getOrThrow(Result.flip(broken)), "an `auth` is not base64")
  })

  it.each<[string, unknown, string | undefined]>([
    ["with an entry for the host", { auths: { "registry.example.com": {} } }, undefined],
    ["with an entry for a path below", { auths: { [`${repo}/a`]: {} } }, undefined],
    ["with no entry", { auths: {} }, "dockerCfg has no entry for this registry and path"],
    [
      "with others' entries",
      { auths: { "other.example.com": {} } },
      "dockerCfg has no entry for this registry and path"
    ],
    ["with an entry for another path", { auths: { "registry.example.com/a": {} } }, "has no entry"],
    ["without auths", {}, "dockerCfg has no `auths`"],
    ["with null auths", { auths: null }, "dockerCfg has no `auths`"],
    [
      "of the old shape",
      { "registry.example.com": { auth: Base64.encode("a:s3cr3t") } },
      "dockerCfg has its entries at the top level instead of under `auths`"
    ],
    [
      "that leaves the password to a helper",
      { auths: { "registry.example.com": {} }, credsStore: "desktop" },
      "dockerCfg leaves the password to a credential helper, which is not supported"
    ],
    [
      "that names a helper it does not need",
      { auths: { "registry.example.com": { auth: Base64.encode("a:b") } }, credHelpers: { "a.test": "x" } },
      undefined
    ],
    [
      "with a broken entry below",
      { auths: { "registry.example.com": {}, [`${repo}/a`]: { auth: "%" } } },
      "dockerCfg has an invalid entry for a path below the repository"
    ],
    [
      "with a broken entry elsewhere",
      { auths: { "registry.example.com": {}, "a.test": { auth: "%" } } },
      undefined
    ]
  ])("decode - warns of a docker config %s", (_name, config, expected) => {
    const { warning } = stored({ dockerCfg: Base64.encode(JSON.stringify(config)) })
    if (expected === undefined) assert.isUndefined(warning)
    else assert.include(warning, `spec.registry.${expected.replace(/^has/, "dockerCfg has")}`)
    assert.notInclude(warning ?? "", "s3cr3t")
    assert.isUndefined(stored({}).warning)
  })

  it("decode - keeps only the certificates of a CA text", () => {
    const ca = `# our CA\r\n${testCertificate.replaceAll("\n", "\r\n")}\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n${testCertificate}`
    assert.strictEqual(source({ ca }).ca, testCertificate + testCertificate)
    assert.isUndefined(source({ ca: " \n" }).ca)
  })

  it("decode - keeps the valid certificates of a CA text with invalid ones, and warns", () => {
    const broken = testCertificate.replace("MIIB", "MIIC")
    for (const [ca, warning] of [
      [testCertificate, undefined],
      [
        broken + testCertificate,
        "spec.registry.ca has 1 block that is not a valid PEM certificate; the 1 other certificate is used"
      ],
      [
        testCertificate + broken + testCertificate + testCertificate.slice(0, 100),
        "spec.registry.ca has 2 blocks that are not valid PEM certificates; the 2 other certificates are used"
      ]
    ] as const) {
      const decoded = Result.getOrThrow(read({ ca }))
      assert.strictEqual(decoded.source.warning, warning)
      assert.strictEqual(decoded.source.ca?.replaceAll(testCertificate, ""), "")
      // The result contains complete certificates only.
      assert.isUndefined(Result.getOrThrow(read({ ca: decoded.source.ca ?? "" })).source.warning)
    }
  })

  it.each<[Partial<ModuleSourceOptions>, string]>([
    [{ scheme: "ftp" }, "spec.registry.scheme is not HTTP or HTTPS"],
    [{ repo: "registry.example.com" }, "spec.registry.repo is not host[:port]/name"],
    [{ repo: "https://registry.example.com/modules" }, "spec.registry.repo is not host[:port]/name"],
    [{ repo: "registry.example.com/" }, "spec.registry.repo is not host[:port]/name"],
    [{ dockerCfg: "{}" }, "spec.registry.dockerCfg is not base64"],
    [{ dockerCfg: "/////w==" }, "spec.registry.dockerCfg is not base64 of UTF-8 text"],
    [{ dockerCfg: Base64.encode("[]") }, "spec.registry.dockerCfg: it is not a docker config.json"],
    [
      { dockerCfg: Base64.encode(`{"auths":{"registry.example.com":{"auth":"x"}}}`) },
      "an `auth` is not base64"
    ],
    [{ ca: "no certificate" }, "spec.registry.ca has no PEM certificate"],
    [{ ca: testCertificate.replace("MIIB", "MIIC") }, "has no valid PEM certificate"],
    [{ ca: testCertificate.slice(0, 200) }, "has no valid PEM certificate"]
  ])("decode - names what is wrong with %j, and shows none of it", (options, expected) => {
    const error = Result.getOrThrow(Result.flip(read(options)))
    assert.include(error.detail, expected)
  })

  it.each<[unknown, string]>([
    [{}, "spec is missing or not of the expected type"],
    [{ spec: { registry: { repo: 7 } } }, "spec.registry.repo is missing or not of the expected type"],
    [
      { spec: { registry: { repo, scheme: ["http"] } } },
      "spec.registry.scheme is missing or not of the expected type"
    ],
    [null, "it is missing or not of the expected type"],
    ["text", "it is missing or not of the expected type"]
  ])("decode - names the field of %j that is of another type", (object, expected) => {
    assert.strictEqual(detail(object), expected)
  })

  it("repository - is known even if the rest is invalid", () => {
    assert.strictEqual(repositoryOf({ spec: { registry: { repo, scheme: 1, ca: {} } } }), repo)
    assert.isUndefined(repositoryOf({ spec: { registry: { repo: "nonsense" } } }))
  })
})
