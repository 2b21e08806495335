import { Effect, FileSystem, Path, Schema } from "effect"
import { Environment } from "@registry-packages-proxy/proxy/Environment"
import * as Command from "./Command.ts"

const Inspected = Schema.fromJsonString(
  Schema.Struct({
    OCIv1: Schema.Struct({
      config: Schema.Struct({
        User: Schema.optionalKey(Schema.String),
        Entrypoint: Schema.optionalKey(Schema.Array(Schema.String)),
        Cmd: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String)))
      })
    })
  })
)

/** Where `ldd` says that a program's libraries are. */
const librariesOf = (program: string) =>
  Effect.map(Command.run("ldd", [program]), (text) =>
    [...text.matchAll(/(?:^|\s)(\/lib\S+)/gm)].flatMap(([, path = ""]) => (path === "" ? [] : [path]))
  )

/** buildah with a store of its own, which goes with the scope: images are made without a daemon and without namespaces. */
export const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { variables } = yield* Environment
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-buildah-" })
  const env = { HOME: directory, TMPDIR: variables["TMPDIR"] ?? "/tmp" }
  const store = ["--root", path.join(directory, "store"), "--runroot", path.join(directory, "run")]

  const run = (...args: ReadonlyArray<string>) =>
    Effect.map(Command.run("buildah", [...store, "--storage-driver", "vfs", ...args], { env }), (text) =>
      text.trim()
    )

  return {
    run,
    /** An image with this Node, the libraries it needs, and nothing else: not even a shell. */
    nodeBase: Effect.fnUntraced(function* (name: string) {
      const container = yield* run("from", "scratch")
      yield* run("copy", container, process.execPath, "/usr/local/bin/node")
      for (const library of yield* librariesOf(process.execPath)) {
        yield* run("copy", container, yield* fs.realPath(library), library)
      }
      yield* run("config", "--env", "PATH=/usr/local/bin", container)
      yield* run("commit", "--rm", container, name)
    }),
    /** Every file of an image, by its path in it, with its mode in octal; `use` may read them below `root`. */
    files: Effect.fnUntraced(function* (image: string) {
      const container = yield* run("from", image)
      const root = yield* run("mount", container)
      const text = yield* Command.run("find", [root, "!", "-type", "d", "-printf", "%P %m\n"])
      return { root, files: text.trim().split("\n").sort() }
    }),
    /** What an image says of how it is run. */
    config: (image: string) =>
      Effect.map(
        Effect.flatMap(run("inspect", "--type", "image", image), Schema.decodeUnknownEffect(Inspected)),
        ({ OCIv1 }) => OCIv1.config
      )
  }
})
