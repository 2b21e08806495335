import { Effect, FileSystem } from "effect"
import { fileURLToPath } from "node:url"
import * as Command from "../run/Command.ts"

const root = fileURLToPath(new URL("../../../..", import.meta.url))

/**
 * Returns the named shell blocks of a Markdown page, by name. The name of a block is in a comment directly above the
 * block, such as `<!-- e2e: NAME -->`.
 */
export const namedBlocks = (markdown: string): ReadonlyMap<string, string> =>
  new Map(
    [...markdown.matchAll(/^<!-- e2e: ([a-z-]+) -->\n```sh\n([^]*?)^```$/gm)].map(
      ([, name = "", commands = ""]) => [name, commands] as const
    )
  )

/** Reads the named shell blocks of docs/operations.md and of its Russian translation. */
export const operationsBlocks = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const read = (page: string) => Effect.map(fs.readFileString(`${root}/docs/${page}`), namedBlocks)
  return { english: yield* read("operations.md"), russian: yield* read("ru/operations.md") }
})

/**
 * Makes a shell that runs the named blocks of docs/operations.md with these environment variables. All blocks run in
 * one temporary directory, which contains a symbolic link to the checkout's `packages`.
 */
export const makeShell = Effect.fnUntraced(function* (variables: Readonly<Record<string, string>>) {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-docs-" })
  yield* fs.symlink(`${root}/packages`, `${directory}/packages`)
  const { english } = yield* operationsBlocks
  return {
    directory,
    run: (name: string) =>
      Effect.gen(function* () {
        const commands = english.get(name)
        if (commands === undefined)
          return yield* Effect.die(new Error(`docs/operations.md has no block named ${name}`))
        return yield* Command.run("bash", ["-euo", "pipefail", "-c", commands], {
          cwd: directory,
          env: variables
        })
      })
  }
})
