import { Effect, Schema } from "effect"
import { ProcessEnvironment } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import * as Command from "./Command.ts"
import { formatMissing, missingPrograms, type RequiredProgram } from "./RequiredPrograms.ts"

/**
 * Required programs are missing, and installing them is not allowed or has failed. The message says how to install the
 * programs.
 */
export class ProgramsMissing extends Schema.TaggedError<ProgramsMissing>()("ProgramsMissing", {
  message: Schema.String
}) {}

/** Functions that install programs on this machine, and the permission to use them. */
export interface Installer {
  /** True if installing is allowed, by the argument `--install` or because the tests run in CI. */
  readonly mayInstall: boolean
  readonly isRoot: boolean
  /** Runs a command such as apt-get. Fails if the command does not exist, or if its exit code is not 0. */
  readonly run: (
    command: string,
    args: ReadonlyArray<string>
  ) => Effect.Effect<unknown, Command.CommandFailed>
  readonly say: (line: string) => Effect.Effect<void>
}

const packagesOf = (absent: ReadonlyArray<RequiredProgram>): ReadonlyArray<string> => [
  ...new Set(absent.flatMap(({ source }) => ("debian" in source ? [source.debian] : [])))
]

/**
 * Installs Debian packages. If that fails, updates the package index and tries again. Does not update the index first,
 * because the update is slow.
 */
const installPackages = Effect.fnUntraced(function* ({ run }: Installer, packages: ReadonlyArray<string>) {
  const install = run("apt-get", ["install", "--yes", "--no-install-recommends", ...packages])
  yield* Effect.catchTag(install, "CommandFailed", () => Effect.andThen(run("apt-get", ["update"]), install))
})

// If a service manager runs, Debian starts the services of a package when the package is installed.
const stopServices = ({ run }: Installer, absent: ReadonlyArray<RequiredProgram>) =>
  Effect.forEach(
    absent.flatMap(({ services = [] }) => services),
    (service) => Effect.ignore(run("service", [service, "stop"])),
    { discard: true }
  )

/**
 * Installs the programs of `names` that are missing. Fails with `ProgramsMissing` if installing is not allowed or not
 * possible.
 */
export const ensureInstalled = Effect.fnUntraced(function* (
  names: ReadonlyArray<string>,
  installer: Installer
) {
  const absent = yield* missingPrograms(names)
  if (absent.length === 0) return
  const packages = packagesOf(absent)
  if (!installer.mayInstall || packages.length === 0)
    return yield* new ProgramsMissing({ message: formatMissing(absent) })
  if (!installer.isRoot) {
    return yield* new ProgramsMissing({ message: `${formatMissing(absent)}\nOnly root can install them.` })
  }
  yield* installer.say(`Installing ${packages.join(", ")}...`)
  yield* installPackages(installer, packages).pipe(
    Effect.catchTag("CommandFailed", ({ message }) =>
      Effect.fail(new ProgramsMissing({ message: `${message}\n${formatMissing(absent)}` }))
    )
  )
  yield* stopServices(installer, absent)
  const still = yield* missingPrograms(names)
  if (still.length > 0) return yield* new ProgramsMissing({ message: formatMissing(still) })
})

/**
 * Makes an `Installer` that installs on this machine. Installing is allowed if `mayInstall` is true, or if the
 * environment variable `CI` is `true`.
 */
export const makeInstaller = (options: { readonly mayInstall: boolean; readonly say: Installer["say"] }) =>
  Effect.gen(function* () {
    const context = yield* Effect.context<Effect.Services<ReturnType<typeof Command.run>>>()
    const { env } = yield* ProcessEnvironment
    const installer: Installer = {
      mayInstall: options.mayInstall || env["CI"] === "true",
      isRoot: process.getuid?.() === 0,
      say: options.say,
      run: (command, args) =>
        Command.run(command, args, {
          inheritsEnvironment: true,
          env: { DEBIAN_FRONTEND: "noninteractive" }
        }).pipe(
          // The command itself is missing, for example apt-get on a system other than Debian.
          Effect.catchTag("PlatformError", ({ message }) =>
            Effect.fail(new Command.CommandFailed({ message, code: 127 }))
          ),
          Effect.provideContext(context)
        )
    }
    return installer
  })
