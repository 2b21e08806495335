import { assert, layer } from "@effect/vitest"
import { Effect, Path } from "effect"
import * as Bundle from "../src/Bundle.ts"
import * as CredentialsFile from "../src/CredentialsFile.ts"
import * as Download from "../src/Download.ts"
import { shownOnFailure } from "../src/Logs.ts"
import * as ServerBuild from "../src/ServerBuild.ts"
import { options, TestBed } from "../src/TestBed.ts"

const mebibyte = 1024 * 1024

layer(TestBed.layer(ServerBuild.binary("distribution")), options)(
  "Distribution 3, a registry's next major version",
  (it) => {
    it.effect("gives packages through the bundle byte by byte", () =>
      Effect.gen(function* () {
        const { credentialsFile, layout, registry } = yield* TestBed
        const bundle = yield* Bundle.start({ credentialsFile })
        for (const [name, size] of [
          ["small", 20 * 1024],
          ["big", 64 * mebibyte]
        ] as const) {
          const image = yield* layout.image({ name, size, seed: 1 })
          yield* registry.push(layout, image, CredentialsFile.clusterPath)
          const pulled = yield* Download.compare(bundle.url(image.digest), image.package.path)
          assert.deepInclude(pulled, { status: 200, cacheStatus: "fwd=miss; stored", isSame: true })
        }
      }).pipe(Effect.scoped, shownOnFailure)
    )

    it.effect("gives the platform's child of an index, with a zstd layer", () =>
      Effect.gen(function* () {
        const { credentialsFile, layout, registry } = yield* TestBed
        const request = { name: "index", size: mebibyte, seed: 3, compression: "zstd" } as const
        const index = yield* layout.index(request, ["amd64", "arm64"])
        yield* registry.push(layout, index, CredentialsFile.clusterPath)
        const bundle = yield* Bundle.start({ credentialsFile, args: ["--platform=linux/arm64"] })
        const image = index.images["arm64"]
        assert.isDefined(image)
        const pulled = yield* Download.compare(bundle.url(index.digest), image.package.path)
        assert.deepInclude(pulled, { status: 200, cacheStatus: "fwd=miss; stored", isSame: true })
        assert.strictEqual(pulled.headers["content-type"], "application/zstd")
      }).pipe(Effect.scoped, shownOnFailure)
    )
  }
)

const withTokens = TestBed.layer(ServerBuild.binary("distribution"), { wantsTokens: true })

layer(withTokens, options)("Distribution 3, which sends clients for a token", (it) => {
  it.effect("gives packages of one repository for one token, and its password is not logged", () =>
    Effect.gen(function* () {
      const { credentialsFile, grants, layout, registry } = yield* TestBed
      const bundle = yield* Bundle.start({ credentialsFile })
      for (const seed of [4, 5, 6]) {
        const image = yield* layout.image({ name: `token-${seed}`, size: mebibyte, seed })
        yield* registry.push(layout, image, CredentialsFile.clusterPath)
        const pulled = yield* Download.compare(bundle.url(image.digest), image.package.path)
        assert.deepInclude(pulled, { status: 200, cacheStatus: "fwd=miss; stored", isSame: true })
      }
      // skopeo asks for more than to pull.
      const scope = `repository:${CredentialsFile.clusterPath}:pull`
      assert.deepStrictEqual(
        grants().filter((scopes) => scopes.includes(scope)),
        [[scope]]
      )
      assert.notInclude(bundle.lines().join("\n"), registry.login.password)
    }).pipe(Effect.scoped, shownOnFailure)
  )

  it.effect("is a 502 with a wrong password", () =>
    Effect.gen(function* () {
      const path = yield* Path.Path
      const { directory, registry } = yield* TestBed
      const credentialsFile = path.join(directory, "wrong-password.yaml")
      const login = { ...registry.login, password: "e2e-not-the-password" }
      yield* CredentialsFile.write(credentialsFile, { ...registry, login })
      const bundle = yield* Bundle.start({ credentialsFile })
      const { detail, status } = yield* Download.problem(bundle.url(`sha256:${"0".repeat(64)}`))
      assert.strictEqual(status, 502)
      assert.match(detail, /credentials/i)
    }).pipe(Effect.scoped, shownOnFailure)
  )
})
