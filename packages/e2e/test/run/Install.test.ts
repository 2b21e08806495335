import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { ProcessEnvironment } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { Effect, FileSystem } from "effect"
import { CommandFailed } from "../../src/run/Command.ts"
import { bring, type Installer } from "../../src/run/Install.ts"

interface Machine {
  readonly present: ReadonlyArray<string>
  /** Programs that each successful installation of a package brings. */
  readonly installs?: ReadonlyArray<string>
  readonly isWanted?: boolean
  readonly isRoot?: boolean
  /** How many of the first `apt-get install` fail. */
  readonly failures?: number
}

const nothing = { isTerminal: false, write: () => {}, writeNow: () => {} }
const environment = (variables: Readonly<Record<string, string>>): typeof ProcessEnvironment.Service => ({
  args: [],
  variables,
  stdout: nothing,
  stderr: nothing,
  onExit: () => () => {},
  onWarning: () => () => {}
})

/** Brings what is asked for on a machine whose PATH is one directory; gives the commands run and the failure, if any. */
const bringOn = (machine: Machine, names: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped()
    const add = (name: string) => Effect.orDie(fs.writeFileString(`${directory}/${name}`, ""))
    yield* Effect.forEach(machine.present, add)
    const commands: Array<string> = []
    let failures = machine.failures ?? 0
    const installer: Installer = {
      isWanted: machine.isWanted ?? true,
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
    const failure = yield* bring(names, installer).pipe(
      Effect.provideService(ProcessEnvironment, environment({ PATH: directory })),
      Effect.flip,
      Effect.map(({ message }) => message),
      Effect.orElseSucceed(() => undefined)
    )
    return { commands, failure }
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

const install = "apt-get install --yes --no-install-recommends"

describe("Install.bring", () => {
  it.effect("does nothing where everything is there", () =>
    Effect.gen(function* () {
      const done = yield* bringOn({ present: ["skopeo", "curl"] }, ["skopeo", "curl"])
      assert.deepStrictEqual(done, { commands: [], failure: undefined })
    })
  )

  it.effect("installs what is missing, without fetching the index first, and stops what that started", () =>
    Effect.gen(function* () {
      const machine = { present: ["curl"], installs: ["skopeo", "tinyproxy"] }
      assert.deepStrictEqual(yield* bringOn(machine, ["curl", "skopeo", "tinyproxy"]), {
        commands: [`${install} skopeo tinyproxy`, "service tinyproxy stop"],
        failure: undefined
      })
    })
  )

  it.effect("fetches the index where the one there is does not do", () =>
    Effect.gen(function* () {
      const machine = { present: [], installs: ["skopeo"], failures: 1 }
      assert.deepStrictEqual(yield* bringOn(machine, ["skopeo"]), {
        commands: [`${install} skopeo`, "apt-get update", `${install} skopeo`],
        failure: undefined
      })
    })
  )

  it.effect("says what is missing and how to get it where it was not asked to install", () =>
    Effect.gen(function* () {
      const done = yield* bringOn({ present: [], isWanted: false }, ["skopeo", "go"])
      assert.deepStrictEqual(done.commands, [])
      assert.include(done.failure, "skopeo: in the Debian package skopeo")
      assert.include(done.failure, "go: install Go")
      assert.include(done.failure, "The same command with -- --install")
    })
  )

  it.effect("installs nothing for a user who is not root", () =>
    Effect.gen(function* () {
      const done = yield* bringOn({ present: [], isRoot: false }, ["skopeo"])
      assert.deepStrictEqual(done.commands, [])
      assert.include(done.failure, "Only root")
    })
  )

  it.effect("says what is still missing: what no package has, and what could not be installed", () =>
    Effect.gen(function* () {
      const still = yield* bringOn({ present: [], installs: ["skopeo"] }, ["skopeo", "go"])
      assert.include(still.failure, "go: install Go")
      assert.notInclude(still.failure, "skopeo:")
      const failed = yield* bringOn({ present: [], failures: 2 }, ["skopeo"])
      assert.include(failed.failure, "Unable to locate package")
      assert.include(failed.failure, "skopeo: in the Debian package skopeo")
    })
  )
})
