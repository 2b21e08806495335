import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import { RepositoryKey } from "@registry-packages-proxy/domain/RepositoryKey"
import { emptyPath } from "@registry-packages-proxy/oci/RepositoryName"
import { Effect, FileSystem, Layer, Option, Redacted, Schedule } from "effect"
import * as SampleCredentials from "../src/SampleCredentials.ts"

const credentials = {
  host: "127.0.0.1:41000",
  credentials: { username: "quickstart", password: "a long enough password" },
  clusterPath: "sys/deckhouse",
  moduleRepo: "127.0.0.1:41000/modules"
}
const layerNode = Layer.merge(NodeFileSystem.layer, NodePath.layer)

describe("SampleCredentials", () => {
  it.live("render - the program's credential store reads the text", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const file = yield* fs.makeTempFileScoped({ suffix: ".yaml" })
      yield* fs.writeFileString(file, SampleCredentials.render(credentials))
      const get = Effect.flatMap(CredentialStore, (store) =>
        Effect.all([
          store.get(Option.none(), emptyPath),
          store.get(Option.some(RepositoryKey.make(credentials.moduleRepo)), emptyPath)
        ]).pipe(
          // The store reads its files in the background.
          Effect.retry({ times: 1000, schedule: Schedule.spaced("5 millis") })
        )
      )
      const sources = yield* Effect.provide(get, CredentialStore.layerFiles([file]))
      assert.deepStrictEqual(
        sources.map(({ repositoryPrefix, host, scheme }) => [scheme, host, repositoryPrefix]),
        [
          ["http", credentials.host, "sys/deckhouse"],
          ["http", credentials.host, "modules"]
        ]
      )
      for (const { credential } of sources) {
        assert.isTrue(
          credential._tag === "Basic" &&
            Redacted.value(credential.password) === credentials.credentials.password
        )
      }
    }).pipe(Effect.scoped, Effect.provide(layerNode))
  )

  it("linesWithoutPasswords - returns every line, with the passwords cut", () => {
    const text = SampleCredentials.render(credentials)
    const shown = SampleCredentials.linesWithoutPasswords(text)
    assert.lengthOf(shown, text.trimEnd().split("\n").length)
    const cut = shown.filter((line) => /dockerC|dockerc/.test(line) && line.includes(": ey"))
    assert.deepStrictEqual(
      cut.map((line) => line.trim()),
      [".dockerconfigjson: eyJhdXRocyI6...", "dockerCfg: eyJhdXRocyI6..."]
    )
  })
})
