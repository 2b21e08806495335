import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import { DigestCache } from "@registry-packages-proxy/digest-cache/DigestCache"
import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { RegistryClientMock } from "@registry-packages-proxy/testkit/registry-client/RegistryClientMock"
import { Effect, FileSystem, Layer, Logger, Option, Path, References, type Scope } from "effect"
import * as CommandLine from "../src/config/CommandLine.ts"
import { FilePath } from "../src/config/Flags.ts"
import * as ListenAddress from "../src/config/ListenAddress.ts"
import * as Program from "../src/Program.ts"
import * as Settings from "../src/config/Settings.ts"

const secureListenAddress = Option.some(
  new ListenAddress.ListenAddress({ host: Option.some("127.0.0.1"), port: 0 })
)

/** Starts registry-packages-proxy with these TLS files. The start must fail. Returns the message of the usage error. */
const refusal = (files: Partial<Settings.Settings>) =>
  Program.layerServer({
    ...Settings.defaults,
    listenAddress: Option.none(),
    secureListenAddress,
    ...files
  }).pipe(
    Layer.provide([DigestCache.layerDisabled, CredentialStore.layerFeeds([])]),
    Layer.provide(RegistryClientMock.layer([])),
    Layer.build,
    Effect.scoped,
    Effect.flip,
    Effect.map((error) => (error._tag === "UsageError" ? error.message : error._tag))
  )

describe("TLS files that cannot be used at the start", () => {
  it.live("are refused in one line with flags, file, reason and what is accepted", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const directory = yield* fs.makeTempDirectoryScoped()
      const { cert, key } = yield* (yield* Certificates.makeAuthority).issue()
      const file = Effect.fnUntraced(function* (name: string, text: string) {
        yield* fs.writeFileString(path.join(directory, name), text)
        return Option.some(FilePath.make(path.join(directory, name)))
      })
      const tlsCertFile = yield* file("tls.crt", cert)
      const pair = "--tls-cert-file, --tls-private-key-file"
      const missing = Option.some(FilePath.make(path.join(directory, "tls.key")))
      assert.strictEqual(
        yield* refusal({ tlsCertFile, tlsPrivateKeyFile: missing }),
        `${pair}: tls.key does not exist; accepted: the path of a PEM file`
      )
      const other = yield* (yield* Certificates.makeAuthority).issue()
      assert.strictEqual(
        yield* refusal({ tlsCertFile, tlsPrivateKeyFile: yield* file("other.key", other.key) }),
        `${pair}: the private key does not belong to the first certificate; accepted: the path of a PEM file`
      )
      assert.strictEqual(
        yield* refusal({ clientCaFile: yield* file("ca.crt", key) }),
        "--client-ca-file: the file holds no valid PEM certificates; accepted: the path of a PEM file, or off"
      )
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})

describe("a plain port", () => {
  const open = (host: string | undefined, secure: boolean) => {
    const warnings: Array<string> = []
    const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
      if (logLevel === "Warn") warnings.push(JSON.stringify(message))
    })
    const listenAddress = Option.some(
      new ListenAddress.ListenAddress({ host: Option.fromUndefinedOr(host), port: 0 })
    )
    return Program.layerServer({
      ...Settings.defaults,
      listenAddress,
      secureListenAddress: secure ? secureListenAddress : Option.none()
    }).pipe(
      Layer.provide([
        DigestCache.layerDisabled,
        CredentialStore.layerFeeds([]),
        RegistryClientMock.layer([])
      ]),
      Layer.provide([NodeServices.layer, Logger.layer([logger])]),
      Layer.build,
      Effect.scoped,
      Effect.as(warnings)
    )
  }

  for (const secure of [false, true]) {
    it.effect(`that other hosts can reach is warned of, ${secure ? "with" : "without"} a secure port`, () =>
      Effect.gen(function* () {
        for (const host of [undefined, "0.0.0.0", "::"]) {
          const warnings = yield* open(host, secure)
          assert.lengthOf(warnings, 1)
          assert.match(warnings.join(), /"--listen-address".*http:\/\/(0\.0\.0\.0|\[::\]):/)
        }
        for (const host of ["127.0.0.1", "127.0.0.2", "::1", "localhost"]) {
          assert.deepStrictEqual(yield* open(host, secure), [])
        }
      })
    )
  }
})

describe("flags that are accepted for compatibility", () => {
  /** Starts registry-packages-proxy with these arguments, and returns its log lines of level Warn. */
  const warnings = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const directory = yield* fs.makeTempDirectoryScoped()
    const credentials = path.join(directory, "credentials.yaml")
    yield* fs.writeFileString(credentials, JSON.stringify({ apiVersion: "v1", kind: "List", items: [] }))
    const lines: Array<string> = []
    const logger = Logger.make(({ fiber, logLevel, message }) => {
      if (logLevel === "Warn")
        lines.push(JSON.stringify([message, fiber.getRef(References.CurrentLogAnnotations)]))
    })
    const settings = yield* CommandLine.parse(
      [
        "--listen-address=127.0.0.1:0",
        `--credentials-file=${credentials}`,
        `--cache-directory=${path.join(directory, "cache")}`,
        ...args
      ],
      {}
    )
    yield* Effect.scoped(
      Layer.build(Program.layer(settings, { env: {} }).pipe(Layer.provideMerge(Logger.layer([logger]))))
    )
    return lines
  })

  const test = <E>(name: string, effect: Effect.Effect<void, E, Scope.Scope | NodeServices.NodeServices>) =>
    it.live(name, () => effect.pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  test(
    "are accepted, and an ignored one is warned of once",
    Effect.gen(function* () {
      const uuid = "2f4c4f3c-6a3e-4f0b-9a55-3c7d21f6b6a1"
      assert.deepStrictEqual(
        yield* warnings(`--cluster-uuid=${uuid}`, "--rpp-get-binary-listen-address=:4282"),
        [
          JSON.stringify([
            ["ignoring flag: the binary rpp-get is not served"],
            { flag: "--rpp-get-binary-listen-address", address: ":4282" }
          ])
        ]
      )
    })
  )

  test(
    "are not warned of if they ask for nothing",
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* warnings(), [])
      assert.deepStrictEqual(yield* warnings("--cluster-uuid=", "--rpp-get-binary-listen-address=off"), [])
    })
  )
})
