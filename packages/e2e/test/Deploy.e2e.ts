import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer, Path } from "effect"
import { fileURLToPath } from "node:url"
import * as Buildah from "../src/Buildah.ts"
import { built } from "../src/Bundle.ts"
import { Logs, shownOnFailure } from "../src/Logs.ts"
import { options } from "../src/TestBed.ts"

const dockerfile = fileURLToPath(new URL("../../deploy/Dockerfile", import.meta.url))

layer(Layer.provideMerge(Logs.layer, NodeServices.layer), options)("The image", (it) => {
  it.effect("is its base and the bundle, and runs by the command it names as a user without rights", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const buildah = yield* Buildah.make
      yield* buildah.nodeBase("localhost/node")
      yield* buildah.run(
        "build",
        "--isolation=chroot",
        "--build-arg=BASE=localhost/node",
        "--tag=localhost/program",
        `--file=${dockerfile}`,
        path.dirname(built.script)
      )
      const base = yield* buildah.files("localhost/node")
      const image = yield* buildah.files("localhost/program")
      assert.deepStrictEqual(
        image.files.filter((file) => !base.files.includes(file)),
        ["main.js 444"]
      )
      assert.deepStrictEqual(
        base.files.filter((file) => !image.files.includes(file)),
        []
      )
      const shipped = yield* fs.readFile(path.join(image.root, "main.js"))
      assert.isTrue(Buffer.from(shipped).equals(Buffer.from(yield* fs.readFile(built.script))))
      const { Entrypoint = [], User } = yield* buildah.config("localhost/program")
      assert.deepStrictEqual([User, Entrypoint], ["64535:64535", ["node", "/main.js"]])
      const container = yield* buildah.run("from", "localhost/program")
      const inside = (...command: ReadonlyArray<string>) =>
        buildah.run("run", "--isolation", "chroot", container, "--", ...command)
      assert.match(yield* inside(...Entrypoint, "--version"), /^registry-packages-proxy \d/)
      assert.strictEqual(
        yield* inside("node", "-p", "[process.getuid(), process.getgid()].join()"),
        "64535,64535"
      )
    }).pipe(Effect.scoped, shownOnFailure)
  )
})
