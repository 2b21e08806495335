import { assert, layer } from "@effect/vitest"
import { type Architecture, architectures } from "@registry-packages-proxy/deploy/image/Architecture"
import * as Cosign from "@registry-packages-proxy/deploy/image/Cosign"
import * as ImageSignature from "@registry-packages-proxy/deploy/image/ImageSignature"
import { dockerConfig } from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import { Effect, FileSystem, Layer, Path, Schema } from "effect"
import { HttpClient } from "effect/http"
import * as Download from "../src/clients/Download.ts"
import * as ProxyProcess from "../src/program/ProxyProcess.ts"
import { clusterPath } from "../src/program/CredentialsFile.ts"
import * as Command from "../src/run/Command.ts"
import * as Container from "../src/image/Container.ts"
import { ImageFixture, buildInfo } from "../src/image/ImageFixture.ts"
import { showLogsOnFailure } from "../src/machine/Logs.ts"
import * as ServerBuild from "../src/run/ServerBuild.ts"
import { layerOptions, RegistryFixture } from "../src/fixtures/RegistryFixture.ts"

const mib = 1024 * 1024

/** Returns the files that the image must contain, each as `PATH MODE`. */
const files = (triple: string, loader: string): ReadonlyArray<string> =>
  [
    "etc/nsswitch.conf 444",
    "etc/ssl/certs/ca-certificates.crt 444",
    `${loader} 555`,
    ...["libatomic.so.1", "libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0"].map(
      (name) => `lib/${triple}/${name} 444`
    ),
    `lib/${triple}/libstdc++.so.6 444`,
    "registry-packages-proxy 555",
    ...["ca-certificates", "libatomic1", "libc6", "libgcc-s1", "libstdc++6"].map(
      (name) => `usr/share/doc/${name}/copyright 444`
    ),
    ...["LICENSE", "node.txt", "packages.txt"].map(
      (name) => `usr/share/doc/registry-packages-proxy/${name} 444`
    )
  ].toSorted()

const expected: Readonly<Record<Architecture, ReadonlyArray<string>>> = {
  amd64: files("x86_64-linux-gnu", "lib64/ld-linux-x86-64.so.2"),
  arm64: files("aarch64-linux-gnu", "lib/ld-linux-aarch64.so.1")
}

const machines: Readonly<Record<Architecture, RegExp>> = {
  amd64: /Machine:\s+Advanced Micro Devices X86-64/,
  arm64: /Machine:\s+AArch64/
}

const Descriptor = Schema.Struct({
  digest: Schema.String,
  platform: Schema.optionalKey(Schema.Struct({ os: Schema.String, architecture: Schema.String }))
})
const Annotations = Schema.Record(Schema.String, Schema.String)
const decodeIndex = Schema.decodeEffect(
  Schema.fromJsonString(
    Schema.Struct({ manifests: Schema.Array(Descriptor), annotations: Schema.optionalKey(Annotations) })
  )
)
const decodeManifest = Schema.decodeEffect(
  Schema.fromJsonString(Schema.Struct({ config: Descriptor, annotations: Annotations }))
)
const decodeConfig = Schema.decodeEffect(
  Schema.fromJsonString(
    Schema.Struct({
      architecture: Schema.String,
      config: Schema.Struct({ User: Schema.String, Entrypoint: Schema.Array(Schema.String) })
    })
  )
)

const annotations = {
  "org.opencontainers.image.created": "2023-11-14T22:13:20Z",
  "org.opencontainers.image.revision": buildInfo.commit,
  "org.opencontainers.image.version": buildInfo.version,
  "org.opencontainers.image.title": "registry-packages-proxy",
  "org.opencontainers.image.licenses": "Apache-2.0"
}

const signed = "registry-packages-proxy"

const makeCosign = Effect.gen(function* () {
  const command = yield* ServerBuild.buildServer("cosign")
  const { directory } = yield* ImageFixture
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const env = { COSIGN_PASSWORD: "a-password", HOME: directory }
  /** Creates the files `cosign.key` and `cosign.pub`, and returns their path without the extension. */
  const keys = Effect.fnUntraced(function* (name: string) {
    const cwd = path.join(directory, name)
    yield* fs.makeDirectory(cwd)
    yield* Command.run(command, ["generate-key-pair"], { cwd, env })
    return path.join(cwd, "cosign")
  })
  return { command, env, keys }
})

layer(ImageFixture.layer.pipe(Layer.provideMerge(RegistryFixture.layerDebian)), {
  ...layerOptions,
  timeout: "5 minutes"
})("The image", (it) => {
  for (const architecture of architectures) {
    it.effect(
      `for ${architecture} contains the executable, its libraries, certificates and licences, and nothing writable`,
      Effect.fn(function* () {
        const { first } = yield* ImageFixture
        const root = yield* first.root(first.imageNames[architecture])
        const found = yield* Command.run("find", [root, "!", "-type", "d", "-printf", "%P %m %y %U %G %s\n"])
        const all = found
          .trim()
          .split("\n")
          .map((line) => line.split(" "))
        assert.deepStrictEqual(
          all.map(([path, mode]) => `${path} ${mode}`).toSorted(),
          expected[architecture]
        )
        for (const [path, , type, user, group] of all) {
          assert.deepStrictEqual([type, user, group], ["f", "0", "0"], path)
        }
        const size = all.reduce((sum, [, , , , , size]) => sum + Number(size), 0)
        assert.isBelow(size, 160 * mib)
        const folders = yield* Command.run("find", [root, "-type", "d", "-perm", "/022"])
        assert.strictEqual(folders, "")
      }, showLogsOnFailure)
    )

    it.effect(
      `for ${architecture} has every library that its files need, for that architecture`,
      Effect.fn(function* () {
        const path = yield* Path.Path
        const { first } = yield* ImageFixture
        const root = yield* first.root(first.imageNames[architecture])
        const binaries = (expected[architecture] ?? [])
          .map((line) => line.split(" ")[0] ?? "")
          .filter((file) => /\.so|^registry-packages-proxy$/.test(file))
        const names = new Set(binaries.map((file) => path.basename(file)))
        for (const file of binaries) {
          const text = yield* Command.run("readelf", ["-h", "-d", path.join(root, file)])
          assert.match(text, machines[architecture], file)
          const needed = [...text.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name = ""]) => name)
          assert.deepStrictEqual(
            needed.filter((name) => !names.has(name)),
            [],
            file
          )
        }
      }, showLogsOnFailure)
    )
  }

  it.effect(
    "is an index of both architectures with its source in annotations, each with a numeric user",
    Effect.fn(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const { first } = yield* ImageFixture
      const blob = (digest: string) =>
        fs.readFileString(path.join(first.layout, "blobs/sha256", digest.slice("sha256:".length)))
      const layout = yield* decodeIndex(yield* fs.readFileString(path.join(first.layout, "index.json")))
      assert.deepStrictEqual(
        layout.manifests.map(({ digest }) => digest),
        [first.digest]
      )
      const index = yield* decodeIndex(yield* blob(first.digest))
      assert.deepInclude(index.annotations, annotations)
      assert.deepStrictEqual(
        index.manifests.map(({ platform }) => platform),
        architectures.map((architecture) => ({ os: "linux", architecture }))
      )
      for (const { digest, platform } of index.manifests) {
        const manifest = yield* decodeManifest(yield* blob(digest))
        assert.deepInclude(manifest.annotations, annotations)
        const { architecture, config } = yield* decodeConfig(yield* blob(manifest.config.digest))
        assert.strictEqual(architecture, platform?.architecture)
        assert.deepStrictEqual(config, { User: "64535:64535", Entrypoint: ["/registry-packages-proxy"] })
      }
    }, showLogsOnFailure)
  )

  it.effect(
    "is reproducible in another directory",
    Effect.fn(function* () {
      const { build, first } = yield* ImageFixture
      const again = yield* build("again")
      assert.strictEqual(again.digest, first.digest)
      assert.strictEqual(yield* Command.run("diff", ["--recursive", first.layout, again.layout]), "")
    }, showLogsOnFailure)
  )

  for (const user of [64535, 1000]) {
    it.effect(
      `serves as user ${user} on a read-only root`,
      Effect.fn(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const { directory, first } = yield* ImageFixture
        const [cache, credentials] = ["cache", "credentials"].map((name) =>
          path.join(directory, `${name}-${user}`)
        )
        if (cache === undefined || credentials === undefined) return
        for (const made of [cache, credentials]) yield* fs.makeDirectory(made)
        yield* fs.writeFileString(path.join(credentials, "credentials.yaml"), "[]")
        const program = yield* Container.start({
          name: `image-${user}`,
          imageRoot: yield* first.root(first.imageNames[ProxyProcess.buildOutput.architecture]),
          cacheDirectory: cache,
          credentialsDirectory: credentials,
          user,
          args: [
            "--listen-address=127.0.0.1:0",
            "--cache-directory=/cache",
            "--credentials-file=/credentials/credentials.yaml"
          ]
        })
        const [, origin = ""] = yield* program.waitForLine(/"listening","url":"(http:\/\/127\.0\.0\.1:\d+)"/)
        assert.strictEqual((yield* HttpClient.get(`${origin}/readyz`)).status, 200)
        const status = yield* fs.readFileString(`/proc/${program.pid}/status`)
        assert.match(status, new RegExp(`^Uid:(\\s+${user}){4}$`, "m"))
        assert.match(status, /^CapEff:\s+0+$/m)
        assert.isTrue(yield* fs.exists(path.join(cache, "blobs")))
        assert.strictEqual(yield* program.stop(), 0)
      }, showLogsOnFailure)
    )
  }

  it.effect(
    "for arm64 pulls and serves a package on an emulated processor",
    Effect.fn(function* () {
      const path = yield* Path.Path
      const { first } = yield* ImageFixture
      const { credentialsFile, layout, registry } = yield* RegistryFixture
      const image = yield* layout.image({ name: "arm64", size: 3 * mib, seed: 64 })
      yield* registry.push(layout, image, clusterPath)
      const root = yield* first.root(first.imageNames.arm64)
      const emulated = ["-L", root, path.join(root, "registry-packages-proxy")]
      const command = (_: string, args: ReadonlyArray<string>) =>
        ["qemu-aarch64-static", [...emulated, ...args]] as const
      assert.match(
        yield* Command.run(...command("", ["--version"])),
        /executable without code cache, .*linux-arm64/
      )
      const program = yield* ProxyProcess.start({ credentialsFile, wrapCommand: command })
      for (const cacheStatus of ["fwd=miss; stored", "hit"]) {
        const served = yield* Download.downloadAndCompare(
          program.packageUrl(image.digest),
          image.package.path
        )
        assert.deepInclude(served, { status: 200, cacheStatus, isUnchanged: true })
      }
      assert.strictEqual(yield* program.stop(), 0)
    }, showLogsOnFailure)
  )

  it.effect(
    "is signed in its layout, and cosign verifies it in a registry, offline and with the right key only",
    Effect.fn(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const { directory, first } = yield* ImageFixture
      const { registry } = yield* RegistryFixture
      const { command, env, keys } = yield* makeCosign
      // Go programs find the registry's CA and password through these variables.
      const trusted = path.join(directory, "trusted.crt")
      yield* fs.writeFileString(trusted, registry.ca)
      yield* fs.writeFileString(path.join(directory, "config.json"), dockerConfig(registry.credentials))
      const variables = { SSL_CERT_FILE: trusted, DOCKER_CONFIG: directory }
      const [own, other] = [yield* keys("own"), yield* keys("other")]
      const signature = path.join(directory, "signature")
      const cosign = Cosign.make({ command, key: `${own}.key`, password: env.COSIGN_PASSWORD })
      yield* Effect.promise(() => ImageSignature.writeSignature(cosign, signature, first.digest, signed))
      yield* registry.push({ directory: first.layout }, { name: buildInfo.version }, signed)
      yield* registry.push(
        { directory: signature },
        { name: ImageSignature.signatureTagOf(first.digest) },
        signed
      )
      const verify = (key: string, digest: string) =>
        Command.run(
          command,
          [
            "verify",
            `--key=${key}.pub`,
            "--offline",
            "--insecure-ignore-tlog=true",
            `${registry.host}/${signed}@${digest}`
          ],
          { env: { ...env, ...variables } }
        )
      assert.include(yield* verify(own, first.digest), first.digest)
      const wrongKey = yield* Effect.flip(verify(other, first.digest))
      assert.include(wrongKey.message, "no matching signatures")
      // The signature is itself an image in the registry, and has no signature.
      const index = yield* decodeIndex(yield* fs.readFileString(path.join(signature, "index.json")))
      const unsigned = yield* Effect.flip(verify(own, index.manifests[0]?.digest ?? ""))
      assert.include(unsigned.message, "no signatures found")
    }, showLogsOnFailure)
  )
})
