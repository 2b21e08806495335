import { assert, layer } from "@effect/vitest"
import { Context, Effect, FileSystem, Layer, Path } from "effect"
import { fileURLToPath } from "node:url"
import { buildOutput } from "../src/program/ProxyProcess.ts"
import * as Command from "../src/run/Command.ts"
import { showLogsOnFailure } from "../src/machine/Logs.ts"
import * as ServerBuild from "../src/run/ServerBuild.ts"
import { layerPrograms, layerOptions } from "../src/fixtures/RegistryFixture.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const version = "1.2.3"
const name = `registry-packages-proxy-${version}`

/** Shell script that copies the files of a checkout, committed or not, into another directory. */
const copy = `cd "$0" && git ls-files --cached --others --exclude-standard -z |
  tar --create --null --files-from=- --ignore-failed-read | tar --extract --directory="$1"`

const changelog = `# Changelog\n\n## [Unreleased]\n\n### Added\n\n- All of it.\n`

const identity = { GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@example.com" }
const committer = { GIT_COMMITTER_NAME: "a", GIT_COMMITTER_EMAIL: "a@example.com" }
const dates = { GIT_AUTHOR_DATE: "@1700000000 +0000", GIT_COMMITTER_DATE: "@1700000000 +0000" }

const makeCheckout = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-release-" })
  const cwd = path.join(directory, "checkout")
  yield* fs.makeDirectory(cwd)
  yield* Command.run("sh", ["-c", copy, root, cwd])
  yield* fs.writeFileString(path.join(cwd, "docs/CHANGELOG.md"), changelog)
  const env = { ...identity, ...committer, ...dates, HOME: directory }
  for (const args of [
    ["init", "--quiet"],
    ["add", "--all"],
    ["commit", "--quiet", "--message=All of it"]
  ]) {
    yield* Command.run("git", args, { cwd, env })
  }
  const commit = (yield* Command.run("git", ["rev-parse", "HEAD"], { cwd, env })).trim()
  return { commit, cwd, directory }
})

/**
 * A temporary git repository with one commit. The commit contains copies of the files of the tested checkout, and a
 * docs/CHANGELOG.md for the test.
 */
class Checkout extends Context.Service<Checkout, Effect.Success<typeof makeCheckout>>()(
  "@registry-packages-proxy/e2e/Release/Checkout"
) {
  static readonly layer = Layer.effect(Checkout, makeCheckout)
}

const timeout = 15 * 60_000

layer(Layer.provideMerge(Checkout.layer, layerPrograms), layerOptions)("A release", (it) => {
  it.effect(
    "contains everything that is published, reproducibly, with checksums that cosign verifies",
    Effect.fn(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const { commit, cwd, directory } = yield* Checkout
      const cosign = yield* ServerBuild.buildServer("cosign")
      const env = { COSIGN_PASSWORD: "a-password", HOME: directory }
      yield* Command.run(cosign, ["generate-key-pair"], { cwd: directory, env })
      const key = path.join(directory, "cosign.key")
      const release = (out: string, ...more: ReadonlyArray<string>) =>
        Command.run("npm", ["run", "release", "--", `--version=${version}`, `--out=${out}`, ...more], {
          cwd,
          inheritsEnvironment: true,
          env: { COSIGN_PASSWORD: env.COSIGN_PASSWORD }
        })
      const [first, second] = ["first", "second"].map((out) => path.join(directory, out)) as [string, string]
      yield* release(first, "--tests=none", `--key=${key}`)
      assert.include(yield* release(second, "--tests=none"), "NOT SIGNED")

      const differences = yield* Command.run("sh", [
        "-c",
        'diff --recursive --brief "$0" "$1" || true',
        first,
        second
      ])
      assert.strictEqual(differences, `Only in ${first}: signatures\n`)

      assert.deepStrictEqual((yield* fs.readDirectory(first)).toSorted(), [
        "CHANGELOG.md",
        "SHA256SUMS",
        "image",
        "licences",
        "manifest.yaml",
        "npm",
        `${name}-linux-amd64`,
        `${name}-linux-arm64`,
        `${name}.cdx.json`,
        `${name}.js`,
        `${name}.js.map`,
        `${name}.tgz`,
        "signatures"
      ])
      const files = (yield* Command.run("find", [".", "-type", "f", "-printf", "%P\n"], { cwd: first }))
        .trim()
        .split("\n")
      const sums = yield* fs.readFileString(path.join(first, "SHA256SUMS"))
      assert.deepStrictEqual(
        sums
          .trim()
          .split("\n")
          .map((line) => line.slice(66))
          .toSorted(),
        files.filter((file) => file !== "SHA256SUMS" && !file.startsWith("signatures/")).toSorted()
      )
      yield* Command.run("sha256sum", ["--check", "--quiet", "SHA256SUMS"], { cwd: first })
      const verify = (file: string) =>
        Command.run(
          cosign,
          [
            "verify-blob",
            `--key=${path.join(directory, "cosign.pub")}`,
            "--signature=signatures/SHA256SUMS.sig",
            "--insecure-ignore-tlog=true",
            "--offline",
            file
          ],
          { cwd: first, env }
        )
      yield* verify("SHA256SUMS")
      assert.include((yield* Effect.flip(verify("CHANGELOG.md"))).message, "invalid signature")

      const said = yield* Command.run(path.join(first, `${name}-linux-${buildOutput.architecture}`), [
        "--version"
      ])
      assert.include(said, `${version} (commit ${commit}, executable, code cache accepted`)
      assert.include(
        yield* fs.readFileString(path.join(first, "CHANGELOG.md")),
        `## [${version}] - 2023-11-14\n\n### Added\n\n- All of it.`
      )
      const chart = yield* Command.run("tar", [
        "-xzOf",
        path.join(first, `${name}.tgz`),
        "registry-packages-proxy/Chart.yaml"
      ])
      assert.match(chart, /^version: 1\.2\.3$/m)
      assert.match(chart, /^appVersion: "?1\.2\.3"?$/m)
      const packages = yield* fs.readDirectory(path.join(first, "npm"))
      assert.isAbove(packages.length, 8)
      for (const file of packages)
        assert.match(file, new RegExp(`^registry-packages-proxy-.*-${version}\\.tgz$`))
    }, showLogsOnFailure),
    { timeout }
  )

  it.effect(
    "is refused without a version, into a folder that is not empty, and with uncommitted changes",
    Effect.fn(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const { cwd, directory } = yield* Checkout
      const refused = (...args: ReadonlyArray<string>) =>
        Effect.map(
          Effect.flip(
            Command.run("npm", ["run", "release", "--", ...args], { cwd, inheritsEnvironment: true })
          ),
          ({ message }) => message
        )
      assert.include(yield* refused("--version=one", `--out=${directory}/out`), "accepted: X.Y.Z")
      assert.include(yield* refused(`--version=${version}`), "--out is missing")
      assert.include(yield* refused(`--version=${version}`, `--out=${directory}`), "is not empty")
      assert.include(
        yield* refused(`--version=${version}`, `--out=${directory}/out`, `--key=${directory}/none`),
        "no such file"
      )
      yield* fs.writeFileString(path.join(cwd, "README.md"), "changed")
      assert.include(yield* refused(`--version=${version}`, `--out=${directory}/out`), "README.md")
    }, showLogsOnFailure),
    { timeout }
  )
})
