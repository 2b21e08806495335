import { ProcessEnvironment } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { Effect, FileSystem, Option, Path } from "effect"
import { createHash } from "node:crypto"
import { fileURLToPath } from "node:url"
import * as Command from "./Command.ts"
import { findInPath } from "./Which.ts"

const sources = (name: string): string => fileURLToPath(new URL(`../../servers/${name}`, import.meta.url))

/**
 * Returns the directory of the programs that were built from Go modules. The name of each program contains a hash of
 * its sources.
 */
const cacheDirectory = Effect.gen(function* () {
  const path = yield* Path.Path
  const { env } = yield* ProcessEnvironment
  const cache = env["XDG_CACHE_HOME"] ?? ""
  const base = path.isAbsolute(cache) ? cache : path.join(env["HOME"] ?? "/root", ".cache")
  return path.join(base, "registry-packages-proxy-e2e")
})

const fingerprint = Effect.fnUntraced(function* (directory: string, files: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const hash = createHash("sha256").update(process.arch)
  for (const file of files) hash.update(yield* fs.readFile(path.join(directory, file)))
  return hash.digest("hex").slice(0, 16)
})

/**
 * Returns the command that builds a Go module with these files. If the module has a `build.sh`, the command runs this
 * script. Otherwise the command runs `go build`, for the main package or for the tool that go.mod names.
 */
const build = (files: ReadonlyArray<string>, target: string): readonly [string, ...Array<string>] =>
  files.includes("build.sh")
    ? ["sh", "build.sh", target]
    : [
        "go",
        "build",
        "-mod=readonly",
        "-trimpath",
        "-ldflags=-s -w",
        "-o",
        target,
        files.includes("main.go") ? "." : "tool"
      ]

/**
 * Builds the Go module `servers/NAME` and returns the path of the result. The result is a program, or a directory of
 * files if the module's `build.sh` creates one. If the result is already cached, does not build it again. Announces a
 * build through `say`. An interrupted build adds nothing to the cache.
 */
export const buildServer = Effect.fnUntraced(function* (
  name: string,
  say: (line: string) => Effect.Effect<void> = () => Effect.void
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const source = sources(name)
  const directory = yield* cacheDirectory
  const files = (yield* fs.readDirectory(source)).toSorted()
  const program = path.join(directory, `${name}-${yield* fingerprint(source, files)}`)
  if (yield* fs.exists(program)) return program
  yield* say(`Building ${name} from its Go module (once; takes minutes)...`)
  yield* fs.makeDirectory(directory, { recursive: true })
  const scratch = yield* fs.makeTempDirectoryScoped({ directory })
  const unfinished = path.join(scratch, name)
  const [command, ...args] = build(files, unfinished)
  yield* Command.run(command, args, {
    cwd: source,
    inheritsEnvironment: true
  })
  yield* fs.rename(unfinished, program)
  return program
}, Effect.scoped)

/** Names of programs that have a stand-in in `servers/`. The stand-in is built if the original is not in PATH. */
const standIns: ReadonlyArray<string> = ["kube-rbac-proxy"]

/**
 * Finds or builds the program `name`, and returns its path as `command`. If `name` is in `standIns`, uses the program
 * from PATH. If PATH does not contain the program, builds its replacement, the stand-in. Calls `say` with a message
 * about this choice. A program that is not in `standIns` is never taken from PATH.
 */
export const findOrBuild = Effect.fnUntraced(function* (
  name: string,
  say: (line: string) => Effect.Effect<void> = () => Effect.void
) {
  const isChosen = standIns.includes(name)
  const real = isChosen ? yield* findInPath(name) : Option.none()
  if (Option.isSome(real)) {
    yield* say(`Using ${name} from PATH: ${real.value}`)
    return { command: real.value, isStandIn: false }
  }
  if (isChosen) {
    yield* say(`${name} is not in PATH: using the stand-in (packages/e2e/servers/${name}/main.go)`)
  }
  return { command: yield* buildServer(name, say), isStandIn: isChosen }
})
