import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { ProcessEnvironment } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { Effect, FileSystem } from "effect"
import { CommandFailed } from "../../src/run/Command.ts"
import { ensureInstalled, type Installer } from "../../src/run/Install.ts"

interface Machine {
  readonly present: ReadonlyArray<string>
  /** Programs that a successful `apt-get install` adds. */
  readonly installs?: ReadonlyArray<string>
  readonly mayInstall?: boolean
  readonly isRoot?: boolean
  /** Number of calls of `apt-get install` that fail before the first successful call. */
  readonly failures?: number
}

const nothing = { isTerminal: false, write: () => {}, writeNow: () => {} }
const environment = (env: Readonly<Record<string, string>>): typeof ProcessEnvironment.Service => ({
  args: [],
  env,
  stdout: nothing,
  stderr: nothing,
  onExit: () => () => {},
  onWarning: () => () => {}
})

/** Runs `ensureInstalled` on a simulated machine. Returns the executed commands and the error message, if any. */
const installOn = (machine: Machine, names: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped()
    const add = (name: string) => Effect.orDie(fs.writeFileString(`${directory}/${name}`, ""))
    yield* Effect.forEach(machine.present, add)
    const commands: Array<string> = []
    let failures = machine.failures ?? 0
    const installer: Installer = {
      mayInstall: machine.mayInstall ?? true,
      isRoot: machine.isRoot ?? true,
      say: () => Effect.void,
      run: (command, args) =>
        Effect.gen(function* () {
          commands.push([command, ...args].join(" "))
          if (command === "service") return yield* new CommandFailed({ message: "no services here", code: 1 })
          if (args[0] !== "install") return
          if (failures-- > 0)
            return yield* new CommandFailed({ message: "E: Unable to locate package", code: 100 })
          yield* Effect.forEach(machine.installs ?? [], add)
        })
    }
    const failure = yield* ensureInstalled(names, installer).pipe(
      Effect.provideService(ProcessEnvironment, environment({ PATH: directory })),
      Effect.flip,
      Effect.map(({ message }) => message),
      Effect.orElseSucceed(() => undefined)
    )
    return { commands, failure }
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

const install = "apt-get install --yes --no-install-recommends"

describe("Install.ensureInstalled", () => {
  it.effect("does nothing if no program is missing", () =>
    Effect.gen(function* () {
      const done = yield* installOn({ present: ["skopeo", "curl"] }, ["skopeo", "curl"])
      assert.deepStrictEqual(done, { commands: [], failure: undefined })
    })
  )

  it.effect(
    "installs missing programs without updating the index, and stops the services that this started",
    () =>
      Effect.gen(function* () {
        const machine = { present: ["curl"], installs: ["skopeo", "tinyproxy"] }
        assert.deepStrictEqual(yield* installOn(machine, ["curl", "skopeo", "tinyproxy"]), {
          commands: [`${install} skopeo tinyproxy`, "service tinyproxy stop"],
          failure: undefined
        })
      })
  )

  it.effect("updates the index if the installation fails", () =>
    Effect.gen(function* () {
      const machine = { present: [], installs: ["skopeo"], failures: 1 }
      assert.deepStrictEqual(yield* installOn(machine, ["skopeo"]), {
        commands: [`${install} skopeo`, "apt-get update", `${install} skopeo`],
        failure: undefined
      })
    })
  )

  it.effect("names the missing programs and how to get them if it may not install", () =>
    Effect.gen(function* () {
      const done = yield* installOn({ present: [], mayInstall: false }, ["skopeo", "go"])
      assert.deepStrictEqual(done.commands, [])
      assert.include(done.failure, "skopeo: in the Debian package skopeo")
      assert.include(done.failure, "go: install Go")
      assert.include(done.failure, "Add --install")
    })
  )

  it.effect("installs nothing if the user is not root", () =>
    Effect.gen(function* () {
      const done = yield* installOn({ present: [], isRoot: false }, ["skopeo"])
      assert.deepStrictEqual(done.commands, [])
      assert.include(done.failure, "Only root")
    })
  )

  it.effect("names the programs that no package has, and those that could not be installed", () =>
    Effect.gen(function* () {
      const still = yield* installOn({ present: [], installs: ["skopeo"] }, ["skopeo", "go"])
      assert.include(still.failure, "go: install Go")
      assert.notInclude(still.failure, "skopeo:")
      const failed = yield* installOn({ present: [], failures: 2 }, ["skopeo"])
      assert.include(failed.failure, "Unable to locate package")
      assert.include(failed.failure, "skopeo: in the Debian package skopeo")
    })
  )
})
