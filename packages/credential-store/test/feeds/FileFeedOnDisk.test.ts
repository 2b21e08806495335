import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import {
  kubernetesList,
  moduleSource
} from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import { Effect, FileSystem } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { dump } from "js-yaml"
import { answer, status } from "../StoreQueries.ts"

const repo = "registry.example.com/modules"
const yaml = (name: string) => dump(kubernetesList([moduleSource({ name, repo })]))

/**
 * Advances the test clock until {@link answer} returns `expected`. After each advance, waits for `setImmediate`, so
 * that Node can read the file.
 */
const until = (expected: string) =>
  Effect.gen(function* () {
    let ticks = 0
    while ((yield* answer(repo)) !== expected) {
      assert.isBelow(ticks++, 100_000, `never became ${expected}`)
      yield* TestClock.adjust("50 millis")
      yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
    }
  })

const inDirectory = <A, E>(
  prepare: (directory: string, fs: FileSystem.FileSystem) => Effect.Effect<unknown, E>,
  file: string,
  run: (directory: string, fs: FileSystem.FileSystem) => Effect.Effect<A, E, CredentialStore>
) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped()
    yield* prepare(directory, fs)
    return yield* Effect.provide(run(directory, fs), CredentialStore.layerFiles([`${directory}/${file}`]))
  }).pipe(Effect.provide(NodeFileSystem.layer))

describe("FileFeed on disk", () => {
  it.effect("a rewrite in place and a rename over it are detected", () =>
    inDirectory(
      (directory, fs) => fs.writeFileString(`${directory}/file.yaml`, yaml("first")),
      "file.yaml",
      Effect.fn(function* (directory, fs) {
        yield* until("ModuleSource first")
        yield* fs.writeFileString(`${directory}/file.yaml`, yaml("second"))
        yield* until("ModuleSource second")
        yield* fs.writeFileString(`${directory}/new`, yaml("third"))
        yield* fs.rename(`${directory}/new`, `${directory}/file.yaml`)
        yield* until("ModuleSource third")
      })
    )
  )

  it.effect("the symlink swap of a Kubernetes mount is detected", () =>
    inDirectory(
      Effect.fnUntraced(function* (directory, fs) {
        yield* fs.makeDirectory(`${directory}/..1`)
        yield* fs.writeFileString(`${directory}/..1/file.yaml`, yaml("first"))
        yield* fs.symlink("..1", `${directory}/..data`)
        yield* fs.symlink("..data/file.yaml", `${directory}/file.yaml`)
      }),
      "file.yaml",
      Effect.fn(function* (directory, fs) {
        yield* until("ModuleSource first")
        yield* fs.makeDirectory(`${directory}/..2`)
        yield* fs.writeFileString(`${directory}/..2/file.yaml`, yaml("second"))
        yield* fs.symlink("..2", `${directory}/..data_tmp`)
        yield* fs.rename(`${directory}/..data_tmp`, `${directory}/..data`)
        yield* fs.remove(`${directory}/..1`, { recursive: true })
        yield* until("ModuleSource second")
      })
    )
  )

  it.effect("a file created later is used, and a deleted one stays in use", () =>
    inDirectory(
      () => Effect.void,
      "file.yaml",
      Effect.fn(function* (directory, fs) {
        yield* until("NotSynced")
        yield* fs.writeFileString(`${directory}/file.yaml`, yaml("first"))
        yield* until("ModuleSource first")
        yield* fs.remove(`${directory}/file.yaml`)
        yield* Effect.repeat(Effect.andThen(TestClock.adjust("50 millis"), status), {
          until: ({ upToDate }) => !upToDate
        })
        assert.strictEqual(yield* answer(repo), "ModuleSource first")
      })
    )
  )
})
