import { assert, layer } from "@effect/vitest"
import { Context, Effect, FileSystem, Layer, Path } from "effect"
import { load } from "js-yaml"
import { fileURLToPath } from "node:url"
import { layerPrograms, layerOptions } from "../src/fixtures/RegistryFixture.ts"
import * as Command from "../src/run/Command.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const examples = `${root}packages/examples`

const tsconfig = {
  compilerOptions: {
    target: "esnext",
    module: "nodenext",
    types: ["node"],
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    skipLibCheck: false
  },
  include: ["src", "test", "vitest.config.ts"]
}

/**
 * npm packages that the examples need in addition to the packages of this checkout. Users of the examples choose the
 * versions of these npm packages.
 */
const others = ["effect", "@effect/platform-node", "typescript", "@types/node", "vitest", "@effect/vitest"]

const makeConsumer = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-consumer-" })
  const tarballs = path.join(directory, "tarballs")
  yield* Command.run(process.execPath, ["scripts/packages.ts", "--out", tarballs], { cwd: root })
  const cwd = path.join(directory, "consumer")
  for (const name of ["src", "test", "vitest.config.ts"])
    yield* fs.copy(path.join(examples, name), path.join(cwd, name))
  yield* fs.writeFileString(path.join(cwd, "package.json"), `{ "private": true, "type": "module" }`)
  yield* fs.writeFileString(path.join(cwd, "tsconfig.json"), JSON.stringify(tsconfig))
  const { catalog } = load(yield* fs.readFileString(path.join(root, "pnpm-workspace.yaml"))) as {
    readonly catalog: Readonly<Record<string, string>>
  }
  const packed = (yield* fs.readDirectory(tarballs)).map((file) => path.join(tarballs, file))
  const versions = others.map(
    (name) => `${name}@${catalog[name] ?? assert.fail(`${name} is not in the catalog`)}`
  )
  yield* Command.run(
    "npm",
    ["install", "--prefer-offline", "--no-audit", "--no-fund", ...packed, ...versions],
    {
      cwd,
      inheritsEnvironment: true
    }
  )
  return { cwd }
})

/**
 * A directory outside the checkout. It contains the examples, and the packages of this checkout as npm has installed
 * them.
 */
class Consumer extends Context.Service<Consumer, Effect.Success<typeof makeConsumer>>()(
  "@registry-packages-proxy/e2e/Packages/Consumer"
) {
  static readonly layer = Layer.effect(Consumer, makeConsumer)
}

const run = (command: string, ...args: ReadonlyArray<string>) =>
  Effect.flatMap(Consumer, ({ cwd }) => Command.run(command, args, { cwd, env: { NO_COLOR: "1" } }))

const node = (...args: ReadonlyArray<string>) => run(process.execPath, ...args)

layer(Layer.provideMerge(Consumer.layer, layerPrograms), layerOptions)(
  "The packages, installed by npm alone",
  (it) => {
    it.effect("have types that plain tsc accepts, dependencies included", () =>
      Effect.map(run("node_modules/.bin/tsc"), (output) => assert.strictEqual(output, ""))
    )

    it.effect("compose the programs and pass the suites, as in the checkout", () =>
      Effect.map(node("node_modules/vitest/vitest.mjs", "run"), (output) =>
        assert.match(output, /Test Files {2}2 passed \(2\)/)
      )
    )

    it.effect("install one copy of effect", () =>
      Effect.map(run("find", "node_modules", "-path", "*/effect/package.json"), (found) =>
        assert.strictEqual(found, "node_modules/effect/package.json\n")
      )
    )

    it.effect("do not export internal files, nor the folders of the program", () =>
      Effect.gen(function* () {
        for (const closed of ["registry-client/internal/auth/Ping", "proxy/http/Application", "oci/index"]) {
          const code = `import("@registry-packages-proxy/${closed}").catch(({ code }) => console.log(code))`
          assert.strictEqual(yield* node("-e", code), "ERR_PACKAGE_PATH_NOT_EXPORTED\n", closed)
        }
      })
    )
  }
)
