import { assert, describe, it } from "@effect/vitest"
import { type CapturedLog, captureLog } from "@registry-packages-proxy/testkit/machine/CapturedLog"
import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import { maxFileSize } from "@registry-packages-proxy/credential-store/feeds/FileFeed"
import {
  kubernetesList,
  moduleSource
} from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import { Effect, FileSystem, Layer, Schema } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { readFileSync } from "node:fs"
import { directory, type FakeFile, make as makeFileSystem } from "./FakeFileSystem.ts"
import { answer, status } from "../StoreQueries.ts"
import { testCertificate } from "../kinds/TestCertificate.ts"

const one = "registry.example.com/one"
const two = "registry.example.com/two"
const path = "/etc/credentials/registries.json"
const json = (...objects: ReadonlyArray<unknown>) => JSON.stringify(kubernetesList(objects))
const a = moduleSource({ name: "a", repo: one })
const b = moduleSource({ name: "b", repo: two })

/**
 * Runs a test with a store that reads in-memory files. A read takes no time, so a test only has to advance the test
 * clock.
 */
const withFiles = <A, E>(
  initial: Readonly<Record<string, FakeFile>>,
  run: (files: Map<string, FakeFile>, log: CapturedLog) => Effect.Effect<A, E, CredentialStore>
) =>
  Effect.suspend(() => {
    const files = new Map(Object.entries(initial))
    const log = captureLog()
    const paths = files.size === 0 ? [path] : [...files.keys()]
    return TestClock.adjust(0).pipe(
      Effect.andThen(run(files, log)),
      Effect.provide(
        CredentialStore.layerFiles(paths).pipe(
          Layer.provide(Layer.succeed(FileSystem.FileSystem, makeFileSystem(files))),
          Layer.provideMerge(log.layer)
        )
      )
    )
  })

describe("FileFeed", () => {
  it.effect("is read at start", () =>
    withFiles(
      { [path]: json(a) },
      Effect.fn(function* () {
        assert.strictEqual(yield* answer(one), "ModuleSource a")
        assert.deepInclude(yield* status, { synced: true, upToDate: true })
      })
    )
  )

  it.effect("a CA with an invalid block is warned of once, with the object's name", () => {
    const broken = "-----BEGIN CERTIFICATE-----\nc2VjcmV0\n-----END CERTIFICATE-----\n"
    const odd = (scheme: string) =>
      json(moduleSource({ name: "a", repo: one, scheme, ca: broken + testCertificate }))
    return withFiles(
      { [path]: odd("HTTPS") },
      Effect.fn(function* (files, log) {
        assert.strictEqual(yield* answer(one), "ModuleSource a")
        files.set(path, odd("https"))
        yield* TestClock.adjust("5 seconds")
        const [warning, ...others] = log.matching("not a valid PEM certificate")
        assert.include(warning, '"ModuleSource a","detail":"spec.registry.ca has 1 block')
        assert.notInclude(warning, "c2VjcmV0")
        assert.isEmpty(others)
      })
    )
  })

  it.effect("a change is applied within 5 s: objects are added, changed and deleted", () =>
    withFiles(
      { [path]: json(a) },
      Effect.fn(function* (files) {
        files.set(path, json(b))
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(yield* answer(one), "UnknownRepository")
        assert.strictEqual(yield* answer(two), "ModuleSource b")
        files.set(path, "[]")
        yield* TestClock.adjust("5 seconds")
        assert.deepInclude(yield* status, { synced: true, upToDate: true, sources: 0 })
      })
    )
  )

  it.effect.each<readonly [string, FakeFile, string]>([
    ["is missing", { fails: "NotFound" }, "there is no such file"],
    ["may not be read", { fails: "PermissionDenied" }, "reading it is not permitted"],
    ["fails otherwise", { fails: "Unknown" }, "it cannot be read (Unknown)"],
    ["is a directory", directory, "it is not a regular file"],
    ["is empty", "", "it is empty"],
    ["is cut short", json(a).slice(0, -20), "is not valid YAML"],
    ["is not UTF-8", new Uint8Array([0x7b, 0xff, 0x7d]), "it is not UTF-8 text"],
    ["is text", '"text"', "does not hold Kubernetes objects"],
    ["is too large", new Uint8Array(maxFileSize + 1).fill(0x20), "larger than 4 MiB"]
  ])("a file that %s keeps its last good content as a whole, and is reported once", ([, file, detail]) =>
    withFiles(
      { [path]: json(a) },
      Effect.fn(function* (files, log) {
        files.set(path, file)
        // Loading the YAML parser takes real turns of the event loop. The clock advances until the file has been read.
        yield* Effect.repeat(Effect.andThen(TestClock.adjust("1 second"), status), {
          until: ({ upToDate }) => !upToDate
        })
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* answer(one), "ModuleSource a")
        assert.deepInclude(yield* status, { synced: true, upToDate: false })
        assert.strictEqual(yield* answer(two), "UnknownRepository")
        assert.lengthOf(log.matching("Warn"), 1)
        assert.lengthOf(
          log.matching("Warn", "credentials file registries.json", detail, "previous objects stay"),
          1
        )
        files.set(path, json(a, b))
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(yield* answer(two), "ModuleSource b")
        assert.isTrue((yield* status).upToDate)
      })
    )
  )

  it("has its maximum size in docs/configuration.md", () => {
    const text = readFileSync(new URL("../../../../docs/configuration.md", import.meta.url), "utf8")
    assert.include(text, `A file has at most ${maxFileSize / 1024 / 1024} MiB`)
  })

  it.effect("a file that cannot be read at the start is used when it appears", () =>
    withFiles(
      {},
      Effect.fn(function* (files, log) {
        yield* TestClock.adjust("1 minute")
        assert.deepInclude(yield* status, { synced: false, waitingFor: ["credentials-files"] })
        assert.strictEqual(yield* answer(one), "NotSynced")
        assert.lengthOf(log.matching("Warn", "there is no such file", "no objects were read yet"), 1)
        files.set(path, json(a))
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(yield* answer(one), "ModuleSource a")
        assert.deepInclude(yield* status, { synced: true, waitingFor: [] })
      })
    )
  )

  it.effect.each([0, 300, 600, 900, 1200, 1500, 1700, 1900])(
    "a rewrite in parts, %i ms after the last read, loses no source and is not logged",
    (after) =>
      withFiles(
        { [path]: json(a) },
        Effect.fn(function* (files, log) {
          yield* TestClock.adjust(after)
          const whole = json(a, b)
          // The file is truncated, then written in parts. Some of the parts are valid JSON.
          for (const part of ["", whole.slice(0, 30), "[]", whole.slice(0, 90), whole.slice(0, 200), whole]) {
            files.set(path, part)
            yield* TestClock.adjust("400 millis")
            assert.strictEqual(yield* answer(one), "ModuleSource a")
          }
          yield* TestClock.adjust("3 seconds")
          assert.strictEqual(yield* answer(two), "ModuleSource b")
          assert.isEmpty(log.matching("Warn"))
        })
      )
  )

  it.effect("a short absence, as during a rename, is not logged", () =>
    withFiles(
      { [path]: json(a) },
      Effect.fn(function* (files, log) {
        files.delete(path)
        yield* TestClock.adjust("2 seconds")
        files.set(path, json(a))
        yield* TestClock.adjust("5 seconds")
        assert.isEmpty(log.matching("Warn"))
        assert.isTrue((yield* status).upToDate)
      })
    )
  )

  it.effect("each problem and its end are logged once", () =>
    withFiles(
      { [path]: json(a) },
      Effect.fn(function* (files, log) {
        for (const file of [{ fails: "NotFound" }, "", { fails: "NotFound" }] as const) {
          files.set(path, file)
          yield* TestClock.adjust("30 seconds")
        }
        assert.lengthOf(log.matching("Warn", "there is no such file"), 2)
        assert.lengthOf(log.matching("Warn", "it is empty"), 1)
        files.set(path, json(a))
        yield* TestClock.adjust("5 seconds")
        assert.lengthOf(log.matching("Info", "in touch again"), 1)
      })
    )
  )

  it.effect("if two files name one repository, the first file serves it", () =>
    withFiles(
      {
        "/first.json": json(moduleSource({ name: "x", repo: one })),
        "/second.json": json(moduleSource({ name: "a", repo: one }))
      },
      Effect.fn(function* (_files, log) {
        assert.strictEqual(yield* answer(one), "ModuleSource x")
        assert.lengthOf(
          log.matching("Warn", '"ModuleSource a","feed":"credentials file second.json"', "it comes first"),
          1
        )
      })
    )
  )

  it.effect("an invalid file does not affect others", () =>
    withFiles(
      { "/first.json": { fails: "NotFound" }, "/second.json": json(a) },
      Effect.fn(function* () {
        assert.strictEqual(yield* answer(one), "ModuleSource a")
        assert.deepStrictEqual((yield* status).waitingFor, ["credentials-files"])
      })
    )
  )

  it.effect("is not read after the store's scope closes", () =>
    Effect.gen(function* () {
      const files = new Map<string, FakeFile>([[path, json(a)]])
      const fs = makeFileSystem(files)
      let readings = 0
      const counting = FileSystem.FileSystem.of({
        ...fs,
        stat: (name) =>
          Effect.andThen(
            Effect.sync(() => readings++),
            fs.stat(name)
          )
      })
      yield* TestClock.adjust("1 minute").pipe(
        Effect.provide(CredentialStore.layerFiles([path])),
        Effect.provideService(FileSystem.FileSystem, counting)
      )
      const whileOpen = readings
      assert.strictEqual(whileOpen, 31)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(readings, whileOpen)
    })
  )

  it.effect.prop(
    "never throws for arbitrary bytes, and the last valid content stays in use",
    [Schema.Uint8Array, Schema.String],
    ([bytes, text]) =>
      withFiles(
        { [path]: json(a) },
        Effect.fn(function* (files, log) {
          for (const file of [
            bytes,
            text,
            `{"apiVersion":"deckhouse.io/v1alpha1","kind":"ModuleSource","spec":${text}}`
          ]) {
            files.set(path, file)
            yield* TestClock.adjust("10 seconds")
          }
          assert.isEmpty(log.matching("unexpectedly"))
          assert.isTrue((yield* status).synced)
        })
      ),
    { arbitrary: { runs: 50 } }
  )
})
