import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { HttpClient } from "effect/http"
import * as Script from "../../../scripts/build/Script.ts"
import * as ProxyProcess from "../src/program/ProxyProcess.ts"
import * as Command from "../src/run/Command.ts"
import { showLogsOnFailure } from "../src/machine/Logs.ts"
import { layerOptions, RegistryFixture } from "../src/fixtures/RegistryFixture.ts"

const { buildOutput } = ProxyProcess

/** Values of NODE_OPTIONS. `accepted` is true if V8 still accepts the executable's code cache with this value. */
const nodeOptions = [
  { given: "--stack-trace-limit=5", accepted: false },
  { given: "--jitless", accepted: false },
  { given: "--max-old-space-size-percentage=10", accepted: true },
  { given: "--report-uncaught-exception", accepted: true }
]

const credentials = Effect.gen(function* () {
  const { directory } = yield* RegistryFixture
  const fs = yield* FileSystem.FileSystem
  const file = (yield* Path.Path).join(directory, "none.yaml")
  yield* fs.writeFileString(file, "[]")
  return file
})

const codeCacheLines = (lines: ReadonlyArray<string>) => lines.filter((line) => line.includes("code cache"))

layer(RegistryFixture.layerDebian, layerOptions)("The executable", (it) => {
  it.effect(
    "prints version, commit, Node, platform, and that V8 accepted its code cache",
    Effect.fn(function* () {
      const expected = new RegExp(
        `^registry-packages-proxy \\d+\\.\\d+\\.\\d+ \\(commit [0-9a-f]{40}(\\+changes)?, executable, code cache accepted, ` +
          `Node ${process.versions.node.replaceAll(".", "\\.")}, linux-${process.arch}\\)\n$`
      )
      assert.match(yield* Command.run(buildOutput.executable, ["--version"]), expected)
    }, showLogsOnFailure)
  )

  it.effect(
    "matches its printed checksum, and so does the script",
    Effect.fn(function* () {
      const path = yield* Path.Path
      for (const file of [...Object.values(buildOutput.executables), buildOutput.script]) {
        const checked = yield* Command.run("sha256sum", ["--check", `${file}.sha256`], {
          cwd: path.dirname(file)
        })
        assert.strictEqual(checked, `${path.basename(file)}: OK\n`)
      }
    }, showLogsOnFailure)
  )

  it.effect(
    "contains both parts of the script that is shipped beside it, unchanged and readable",
    Effect.fn(function* () {
      const fs = yield* FileSystem.FileSystem
      const { program, telemetry } = Script.splitParts(yield* fs.readFileString(buildOutput.script))
      for (const file of Object.values(buildOutput.executables)) {
        const executable = Buffer.from(yield* fs.readFile(file))
        for (const part of [program, telemetry]) assert.isTrue(executable.includes(part, 0, "latin1"), file)
      }
    }, showLogsOnFailure)
  )

  it.effect(
    "logs nothing unusual if the code cache is accepted, with a metric that says so",
    Effect.fn(function* () {
      const program = yield* ProxyProcess.start({ credentialsFile: yield* credentials })
      const metrics = yield* Effect.flatMap(HttpClient.get(`${program.origin}/metrics`), ({ text }) => text)
      assert.match(metrics, /^registry_packages_proxy_code_cache_rejected 0$/m)
      assert.deepStrictEqual(codeCacheLines(program.lines()), [])
      assert.deepStrictEqual(
        program.lines().filter((line) => !line.startsWith("{")),
        []
      )
    }, showLogsOnFailure)
  )

  it.effect(
    "logs once, and reports by a metric, that V8 rejected its code cache, and serves anyway",
    Effect.fn(function* () {
      const program = yield* ProxyProcess.start({
        credentialsFile: yield* credentials,
        env: { NODE_OPTIONS: "--stack-trace-limit=5" }
      })
      const metrics = yield* Effect.flatMap(HttpClient.get(`${program.origin}/metrics`), ({ text }) => text)
      assert.match(metrics, /^registry_packages_proxy_code_cache_rejected 1$/m)
      const said = codeCacheLines(program.lines())
      assert.strictEqual(said.length, 1)
      assert.include(said[0] ?? "", '"level":"warn","message":"code cache rejected')
      assert.deepStrictEqual(
        program.lines().filter((line) => !line.startsWith("{")),
        []
      )
    }, showLogsOnFailure)
  )

  it.effect(
    "reports what V8 decided: Node's own warning about rejected code appears exactly if --version says so",
    Effect.fn(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const { directory } = yield* RegistryFixture
      // Overwrites the flag `--no-warnings` with another flag of the same length, so that Node prints warnings.
      const bytes = Buffer.from(yield* fs.readFile(buildOutput.executable))
      const flag = Buffer.from("--no-warnings")
      const at = bytes.lastIndexOf(flag)
      assert.isAbove(at, bytes.indexOf(Buffer.from("// packages/proxy/src/main.ts")))
      bytes.write("--title=other", at)
      const loud = path.join(directory, "loud")
      yield* fs.writeFile(loud, bytes, { mode: 0o755 })
      for (const { accepted, given } of nodeOptions) {
        const text = yield* Command.run("sh", ["-c", 'exec "$0" --version 2>&1', loud], {
          env: { NODE_OPTIONS: given }
        })
        assert.strictEqual(text.includes("Warning: Code cache data rejected"), !accepted, given)
        assert.include(text, `code cache ${accepted ? "accepted" : "rejected"}`, given)
      }
    }, showLogsOnFailure)
  )

  it.effect(
    "has no handler for SIGUSR1, which would open a debugger",
    Effect.fn(function* () {
      const fs = yield* FileSystem.FileSystem
      const program = yield* ProxyProcess.start({ credentialsFile: yield* credentials })
      const status = yield* fs.readFileString(`/proc/${program.pid}/status`)
      const [, caught = ""] = /^SigCgt:\s+([0-9a-f]+)$/m.exec(status) ?? []
      const signal = (number: number) => BigInt(`0x${caught}`) & (1n << BigInt(number - 1))
      assert.notStrictEqual(signal(15), 0n, "SIGTERM is handled")
      assert.strictEqual(signal(10), 0n)
    }, showLogsOnFailure)
  )
})
