import { Effect, Schema } from "effect"
import { ProcessEnvironment } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import * as Command from "./Command.ts"
import { explain, missing, type Part } from "./Parts.ts"

/** Parts are missing and cannot be brought; the message says which and what to do. */
export class PartsMissing extends Schema.TaggedError<PartsMissing>()("PartsMissing", {
  message: Schema.String
}) {}

/** What installing needs to know of the machine and its user. */
export interface Installer {
  /** Whether the user asked for it, or CI did. */
  readonly isWanted: boolean
  readonly isRoot: boolean
  /** Runs a command of the system's. */
  readonly run: (
    command: string,
    args: ReadonlyArray<string>
  ) => Effect.Effect<unknown, Command.CommandFailed>
  readonly say: (line: string) => Effect.Effect<void>
}

const packagesOf = (absent: ReadonlyArray<Part>): ReadonlyArray<string> => [
  ...new Set(absent.flatMap(({ from }) => ("debian" in from ? [from.debian] : [])))
]

/** Installs packages; their index is fetched only where the one there is does not do, since that takes a while. */
const installPackages = Effect.fnUntraced(function* ({ run }: Installer, packages: ReadonlyArray<string>) {
  const install = run("apt-get", ["install", "--yes", "--no-install-recommends", ...packages])
  yield* Effect.catchTag(install, "CommandFailed", () => Effect.andThen(run("apt-get", ["update"]), install))
})

// Debian starts what it installs. Where no service manager runs, nothing was started.
const stopServices = ({ run }: Installer, absent: ReadonlyArray<Part>) =>
  Effect.forEach(
    absent.flatMap(({ services = [] }) => services),
    (service) => Effect.ignore(run("service", [service, "stop"])),
    { discard: true }
  )

/** Installs what of these parts is missing and can be installed; fails saying what is to be done where it may not. */
export const bring = Effect.fnUntraced(function* (names: ReadonlyArray<string>, installer: Installer) {
  const absent = yield* missing(names)
  if (absent.length === 0) return
  const packages = packagesOf(absent)
  if (!installer.isWanted || packages.length === 0)
    return yield* new PartsMissing({ message: explain(absent) })
  if (!installer.isRoot) {
    return yield* new PartsMissing({ message: `${explain(absent)}\nOnly root may install them.` })
  }
  yield* installer.say(`Installing ${packages.join(", ")}...`)
  yield* installPackages(installer, packages).pipe(
    Effect.catchTag("CommandFailed", ({ message }) =>
      Effect.fail(new PartsMissing({ message: `${message}\n${explain(absent)}` }))
    )
  )
  yield* stopServices(installer, absent)
  const still = yield* missing(names)
  if (still.length > 0) return yield* new PartsMissing({ message: explain(still) })
})

/** How `bring` works on this machine. */
export const system = (options: { readonly isWanted: boolean; readonly say: Installer["say"] }) =>
  Effect.gen(function* () {
    const context = yield* Effect.context<Effect.Services<ReturnType<typeof Command.run>>>()
    const { variables } = yield* ProcessEnvironment
    const installer: Installer = {
      isWanted: options.isWanted || variables["CI"] === "true",
      isRoot: process.getuid?.() === 0,
      say: options.say,
      run: (command, args) =>
        Command.run(command, args, {
          inheritsEnvironment: true,
          env: { DEBIAN_FRONTEND: "noninteractive" }
        }).pipe(
          // A command that is not there at all, such as apt-get on another system.
          Effect.catchTag("PlatformError", ({ message }) =>
            Effect.fail(new Command.CommandFailed({ message, code: 127 }))
          ),
          Effect.provideContext(context)
        )
    }
    return installer
  })
