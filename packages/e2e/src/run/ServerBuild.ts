import { ProcessEnvironment } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { Effect, FileSystem, Option, Path } from "effect"
import { createHash } from "node:crypto"
import { fileURLToPath } from "node:url"
import * as Command from "./Command.ts"
import { which } from "./Which.ts"

const sources = (name: string): string => fileURLToPath(new URL(`../../servers/${name}`, import.meta.url))

/** Where programs built from Go modules are kept: what they are built from is in their names. */
const cacheDirectory = Effect.gen(function* () {
  const path = yield* Path.Path
  const { variables } = yield* ProcessEnvironment
  const cache = variables["XDG_CACHE_HOME"] ?? ""
  const base = path.isAbsolute(cache) ? cache : path.join(variables["HOME"] ?? "/root", ".cache")
  return path.join(base, "registry-packages-proxy-e2e")
})

const fingerprint = Effect.fnUntraced(function* (directory: string, files: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const hash = createHash("sha256").update(process.arch)
  for (const file of files) hash.update(yield* fs.readFile(path.join(directory, file)))
  return hash.digest("hex").slice(0, 16)
})

/** How a module is built into `target`: by its own script, as a program of ours, or as the tool that it names. */
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
 * What is made from `servers/<name>`, a Go module with every version pinned: a program, or a directory of files; it is
 * built where it was not yet, which `say` announces. A build that is broken off leaves nothing behind that would be taken
 * for it.
 */
export const binary = Effect.fnUntraced(function* (
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
  yield* say(`Building ${name} from its Go module (once, minutes)...`)
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

/** What is built only where the real program is not in PATH. */
const standIns: ReadonlyArray<string> = ["kube-rbac-proxy"]

/** A program that tests run, built if need be; `say` is told which it is where there is a choice. */
export const program = Effect.fnUntraced(function* (
  name: string,
  say: (line: string) => Effect.Effect<void> = () => Effect.void
) {
  const isChosen = standIns.includes(name)
  const real = isChosen ? yield* which(name) : Option.none()
  if (Option.isSome(real)) {
    yield* say(`${name} is the one in PATH: ${real.value}`)
    return { command: real.value, isStandIn: false }
  }
  if (isChosen) {
    yield* say(`${name} is not in PATH: a stand-in takes its place (packages/e2e/servers/${name}/main.go)`)
  }
  return { command: yield* binary(name, say), isStandIn: isChosen }
})
