import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import * as Feed from "@registry-packages-proxy/credential-store/feeds/Feed"
import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import * as MediaType from "@registry-packages-proxy/oci/MediaType"
import { Platform } from "@registry-packages-proxy/oci/Platform"
import * as NodeUpstream from "@registry-packages-proxy/registry-client/NodeUpstream"
import { RegistryClient } from "@registry-packages-proxy/registry-client/RegistryClient"
import * as TestFeed from "@registry-packages-proxy/testkit/credential-store/TestFeed"
import {
  moduleSource,
  type ModuleSourceOptions
} from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import { nodeRequest } from "@registry-packages-proxy/testkit/wire/NodeRequest"
import * as RegistryBlob from "@registry-packages-proxy/testkit/images/RegistryBlob"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import {
  TestRegistry,
  type TestRegistryOptions
} from "@registry-packages-proxy/testkit/registry/TestRegistry"
import { Context, Duration, Effect, FileSystem, Layer } from "effect"
import { HttpServer } from "effect/http"
import { layerPlain } from "../../../src/http/server/Listener.ts"
import { problemOf } from "../ProxyHarness.ts"

const name = "group/a/img"
const content = RegistryBlob.randomBytes(5, 5000)
const image = RegistryImage.ofPackage(content)
const other = RegistryImage.ofPackage(RegistryBlob.randomBytes(6, 10))
const good = { username: "good", password: "1" }
const bad = { username: "bad", password: "2" }

/**
 * Starts registry-packages-proxy with a test registry and one ModuleSource. `replaceSource` replaces this ModuleSource.
 */
const start = Effect.fnUntraced(function* (options: TestRegistryOptions = {}) {
  const fs = yield* FileSystem.FileSystem
  const registry = yield* TestRegistry.make(options)
  const { feed, send } = yield* TestFeed.make("objects")
  const directory = yield* fs.makeTempDirectoryScoped()
  const context = yield* Layer.build(
    layerPlain({
      listen: { host: "127.0.0.1", port: 0 },
      platform: Platform.make("linux/amd64"),
      gracePeriod: Duration.zero
    }).pipe(
      Layer.provide(DigestCache.layer({ directory, cap: 10_000_000 })),
      Layer.provide(RegistryClient.layer.pipe(Layer.provide(NodeUpstream.layer()))),
      Layer.provide(CredentialStore.layerFeeds([feed])),
      Layer.provide(NodeServices.layer)
    )
  )
  const origin = HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)
  const host = registry.host
  const replaceSource = (source: Partial<ModuleSourceOptions> = {}) =>
    send(Feed.synced([moduleSource({ name: "m", repo: `${host}/${name}`, scheme: "HTTP", ...source })]))
  yield* replaceSource()
  return {
    registry,
    host,
    replaceSource,
    get: (digest: string, repository = name, path = "") =>
      nodeRequest(`${origin}/package?digest=${digest}&repository=${host}/${repository}&path=${path}`)
  }
})

const withServices = <E>(body: Effect.Effect<void, E, Effect.Services<ReturnType<typeof start>>>) =>
  Effect.provide(Effect.scoped(body), NodeServices.layer)

const q = { blob: RegistryBlob.fromBytes(RegistryBlob.randomBytes(7, 1)) }
const last = { blob: RegistryBlob.fromBytes(content) }
const amd64 = { image, platform: "linux/amd64" }
const arm64 = { ...amd64, image: other, platform: "linux/arm64" }
const attestation = { image: other, platform: "unknown/unknown" }
const sibling = {
  mediaType: MediaType.ociManifest,
  digest: `sha256:${"1".repeat(64)}`,
  size: 10,
  platform: { os: "linux", architecture: "arm64" }
}
const beside = (changes: Record<string, unknown>) =>
  RegistryImage.index([{ json: { ...sibling, ...changes } }, amd64])

/** Images whose package must be served. `seen` names software that writes or accepts images in this format. */
const readable: ReadonlyArray<readonly [what: string, image: RegistryImage.RegistryImage, seen: string]> = [
  ["an index whose only child names no platform", RegistryImage.index([{ image }]), "balena-compose"],
  [
    "a child whose platform is null",
    RegistryImage.index([{ image, descriptor: { platform: null } }]),
    "docker-drag"
  ],
  [
    "a child without platform after a child for another platform",
    RegistryImage.index([arm64, { image }]),
    "containerd"
  ],
  ["a child with a platform after one without", RegistryImage.index([{ image: other }, amd64]), "containerd"],
  ["an attestation beside the image", RegistryImage.index([attestation, amd64]), "buildkit"],
  [
    "an attestation beside a child without platform",
    RegistryImage.index([attestation, { image }]),
    "containerd"
  ],
  [
    "amd64 v1",
    RegistryImage.index([
      { image: other, platform: "linux/amd64/v2" },
      { image, platform: "linux/amd64/v1" }
    ]),
    "containerd"
  ],
  [
    "another variant of amd64 alone",
    RegistryImage.index([arm64, { image, platform: "linux/amd64/v3" }]),
    "go-containerregistry"
  ],
  ["two nested indexes", RegistryImage.inNestedIndexes(image, "linux/amd64", 2), "drydock"],
  ["four nested indexes", RegistryImage.inNestedIndexes(image, "linux/amd64", 4), "image-spec"],
  ["a sibling with an empty platform", beside({ platform: {} }), "zui"],
  ["a sibling without architecture", beside({ platform: { os: "linux" } }), "zui"],
  ["a sibling without size", beside({ size: undefined }), "buildkit"],
  ["a sibling without mediaType", beside({ mediaType: undefined }), "buildkit"],
  ["a sibling with another digest algorithm", beside({ digest: `blake3:${"a".repeat(64)}` }), "image-spec"],
  ["a sibling that is no object", RegistryImage.index([{ json: null }, { json: 7 }, amd64]), "nobody"],
  [
    "the chosen child without size",
    RegistryImage.index([{ ...amd64, descriptor: { size: undefined } }]),
    "moby"
  ],
  [
    "an earlier layer without size",
    RegistryImage.image([{ ...q, descriptor: { size: undefined } }, last]),
    "moby"
  ],
  [
    "an earlier layer without mediaType",
    RegistryImage.image([{ ...q, descriptor: { mediaType: undefined } }, last]),
    "buildkit"
  ],
  [
    "an earlier layer with another digest algorithm",
    RegistryImage.image([{ ...q, descriptor: { digest: `sha384:${"0".repeat(96)}` } }, last]),
    "image-spec"
  ],
  [
    "a last layer without mediaType",
    RegistryImage.image([{ ...last, descriptor: { mediaType: undefined } }]),
    "moby"
  ],
  [
    "a last layer without size",
    RegistryImage.image([{ ...last, descriptor: { size: undefined } }]),
    "go-containerregistry"
  ],
  ["a last layer of size 0", RegistryImage.image([{ ...last, descriptor: { size: 0 } }]), "moby"],
  [
    "a last layer with an empty mediaType",
    RegistryImage.image([{ ...last, descriptor: { mediaType: "" } }]),
    "moby"
  ],
  [
    "a config that is not a descriptor",
    RegistryImage.image([last], { fields: { config: [7], annotations: 7, subject: "x" } }),
    "nobody"
  ],
  [
    "an unknown mediaType",
    RegistryImage.image([last], { fields: { mediaType: "application/x" } }),
    "go-containerregistry"
  ]
]

describe("a manifest or index as writers write it", () => {
  for (const [what, written, seen] of readable) {
    it.effect(`${what} gives its package (${seen})`, () =>
      withServices(
        Effect.gen(function* () {
          const { get, registry } = yield* start()
          yield* registry.put(name, written)
          const answer = yield* get(written.digest)
          assert.strictEqual(answer.status, 200, answer.body.toString("utf8", 0, 300))
          assert.isTrue(answer.body.equals(content))
        })
      )
    )
  }

  it.effect("an empty last layer without size gives an empty package (moby)", () =>
    withServices(
      Effect.gen(function* () {
        const { get, registry } = yield* start()
        const blob = RegistryBlob.fromBytes(new Uint8Array())
        const empty = RegistryImage.image([{ blob, descriptor: { size: undefined } }])
        yield* registry.put(name, empty)
        const answer = yield* get(empty.digest)
        assert.deepStrictEqual([answer.status, answer.body.length, answer.complete], [200, 0, true])
      })
    )
  )

  for (const [what, written, status, detail] of [
    [
      "five nested indexes",
      RegistryImage.inNestedIndexes(image, "linux/amd64", 5),
      502,
      "more than 4 nested indexes"
    ],
    ["only attestations", RegistryImage.index([attestation]), 404, "nothing for linux/amd64."],
    ["only images for other platforms", RegistryImage.index([arm64]), 404, "it has linux/arm64."],
    [
      "a chosen child with another digest algorithm",
      RegistryImage.index([{ ...amd64, descriptor: { digest: `blake3:${"a".repeat(64)}` } }]),
      502,
      "its manifest for linux/amd64 has a digest that is neither sha256 nor sha512"
    ],
    [
      "a last layer with an invalid digest",
      RegistryImage.image([{ ...last, descriptor: { digest: "x" } }]),
      502,
      "its last layer has a digest that is neither sha256 nor sha512"
    ]
  ] as const) {
    it.effect(`${what}: ${status} that says so`, () =>
      withServices(
        Effect.gen(function* () {
          const { get, registry } = yield* start()
          yield* registry.put(name, written)
          const answer = yield* get(written.digest)
          assert.strictEqual(answer.status, status)
          assert.include(problemOf(answer).detail, detail)
        })
      )
    )
  }
})

type Auths = Readonly<Record<string, { readonly username: string; readonly password: string }>>

/**
 * Docker configs in which the login `good` must be chosen for the repository group/a/img. `$` is replaced by the
 * registry's host.
 */
const configs: ReadonlyArray<readonly [what: string, auths: Auths]> = [
  ["another path first", { "$/group/b": bad, "$/group/a": good }],
  ["the repository's path first", { "$/group/a": good, "$/group/b": bad }],
  ["the host and the repository's path", { $: bad, "$/group/a": good }],
  ["the host and another path", { "$/group/b": bad, $: good }],
  ["a parent path", { $: bad, "$/group": good }],
  ["two parent paths", { "$/group": bad, "$/group/a": good }],
  ["a prefix that does not end at a slash", { "$/gro": bad, $: good }],
  ["keys with https", { "https://$/group/b": bad, "https://$/group/a": good }],
  ["a key that ends in /v1/", { "https://$/v1/": good }],
  ["a key that ends in /v2/", { "https://$/v2/": good }]
]

describe("a ModuleSource's docker config", () => {
  for (const [what, auths] of configs) {
    it.effect(`with ${what}: the right login is used`, () =>
      withServices(
        Effect.gen(function* () {
          const { get, host, replaceSource, registry } = yield* start({ auth: { _tag: "Basic", ...good } })
          yield* registry.put(name, image)
          const entries = Object.entries(auths).map(([key, login]) => [key.replace("$", host), login])
          yield* replaceSource({ auths: Object.fromEntries(entries) as Auths })
          assert.strictEqual((yield* get(image.digest)).status, 200)
        })
      )
    )
  }

  it.effect(
    "may have a login for a path below its repository, which is used for requests with that path",
    () =>
      withServices(
        Effect.gen(function* () {
          const { get, host, replaceSource, registry } = yield* start({ auth: { _tag: "Basic", ...good } })
          yield* registry.put(name, image)
          yield* replaceSource({ repo: `${host}/group`, auths: { [host]: bad, [`${host}/group/a`]: good } })
          const below = yield* get(image.digest, "group", "a/img")
          assert.strictEqual(below.status, 200)
        })
      )
  )

  it.effect("that is invalid for a path is a 502 that names the object and shows none of its values", () =>
    withServices(
      Effect.gen(function* () {
        const { get, host, replaceSource, registry } = yield* start()
        yield* registry.put(name, image)
        const auths = { [host]: good, [`${host}/group/a`]: { auth: "%s3cr3t" } }
        yield* replaceSource({ repo: `${host}/group`, auths })
        const answer = yield* get(image.digest, "group", "a/img")
        assert.strictEqual(answer.status, 502)
        assert.include(problemOf(answer).detail, "ModuleSource m")
        assert.notInclude(answer.body.toString(), "s3cr3t")
      })
    )
  )

  it.effect("is found by the repository's name with or without a trailing slash, on either side", () =>
    withServices(
      Effect.gen(function* () {
        const { get, host, replaceSource, registry } = yield* start()
        // A cached package is served for every repository name, so each case needs its own package.
        for (const [repo, asked, written] of [
          [`${host}/${name}/`, name, image],
          [`${host}/${name}`, `${name}/`, other]
        ] as const) {
          yield* registry.put(name, written)
          yield* replaceSource({ repo })
          assert.strictEqual((yield* get(written.digest, asked)).status, 200)
        }
      })
    )
  )
})
