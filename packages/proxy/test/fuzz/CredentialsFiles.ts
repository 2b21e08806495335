import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import { RepositoryKey } from "@registry-packages-proxy/oci/RepositoryKey"
import { noPath } from "@registry-packages-proxy/oci/RepositoryName"
import * as Objects from "@registry-packages-proxy/testkit/CredentialStoreObjects"
import { ByteSize, Effect, FileSystem, Layer, Logger, Option, References } from "effect"
import type { Target } from "./FuzzSuite.ts"
import { near } from "./Mutations.ts"

const repository = "registry.test/modules"
const login = { host: "registry.test", username: "user", password: "s3cr3t" }
const source = Objects.moduleSource({ name: "modules", repo: repository, login })
const secret = Objects.registrySecret({ address: "registry.test", path: "/own", login })
const encoded = /s3cr3t|czNjcjN0|dXNlcjpz/

const yaml = (object: unknown): string =>
  JSON.stringify(object, undefined, 1)
    .replace(/^[{}\]],?\n?|,$/gm, "")
    .replace(/"([A-Za-z.]+)":/g, "$1:")

const samples = [
  JSON.stringify(source),
  JSON.stringify(Objects.list([source, secret])),
  `${JSON.stringify(secret)}\n---\n${JSON.stringify(source)}\n`,
  "apiVersion: deckhouse.io/v1alpha1\nkind: ModuleSource\nmetadata:\n  name: a\nspec:\n  registry:\n" +
    "    repo: registry.test/modules\n    scheme: HTTPS\n    dockerCfg: eyJhdXRocyI6e319\n    ca: |\n      text\n",
  "- &x {apiVersion: v1, kind: A}\n- <<: *x\n  kind: B\n",
  yaml(source)
]

const fileOf = (bytes: Uint8Array): FileSystem.FileSystem =>
  FileSystem.makeNoop({
    stat: () =>
      Effect.succeed({
        type: "File",
        mtime: Option.none(),
        atime: Option.none(),
        birthtime: Option.none(),
        dev: 0n,
        ino: Option.none(),
        mode: 0,
        nlink: Option.none(),
        uid: Option.none(),
        gid: Option.none(),
        rdev: Option.none(),
        size: ByteSize.bytes(bytes.length),
        blksize: Option.none(),
        blocks: Option.none()
      }),
    readFile: () => Effect.succeed(bytes)
  })

/** Turns of the event loop in which a file that is read at once has been taken in, or refused. */
const turns = 50

const take = (bytes: Uint8Array) => {
  const lines: Array<string> = []
  const logger = Logger.make(({ cause, message }) => {
    lines.push(`${[message].flat().map(String).join(" ")} ${JSON.stringify(cause)}`)
  })
  return Effect.gen(function* () {
    const store = yield* CredentialStore
    for (let turn = 0; turn < turns && lines.length === 0; turn++) {
      if (Option.isSome((yield* store.status).lastSync)) break
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
    const found = yield* Effect.forEach([Option.none(), Option.some(RepositoryKey.make(repository))], (key) =>
      Effect.result(store.get(key, noPath))
    )
    return `${JSON.stringify(found)}\n${lines.join("\n")}`
  }).pipe(
    Effect.provide(
      CredentialStore.layerFiles(["/credentials.yaml"]).pipe(
        Layer.provide(Layer.succeed(FileSystem.FileSystem, fileOf(bytes))),
        Layer.provideMerge(Logger.layer([logger]))
      )
    ),
    Effect.provideService(References.MinimumLogLevel, "All")
  )
}

/** Credentials files of any text: sources, or words that show nothing of it. */
export const target: Target<string> = {
  name: "credentials files",
  input: near({
    samples,
    pieces: [
      "---\n",
      "- ",
      "? ",
      "&a ",
      "*a ",
      "!!binary ",
      "!!set {",
      "<<: *x\n",
      "{",
      "[",
      '{"a":',
      "kind: List\n",
      "items: []\n",
      ": ",
      "|\n",
      ">-\n ",
      "\n  ",
      "# ",
      "\ud800",
      "%YAML 1.2\n",
      "apiVersion: v1\n"
    ],
    longest: 60_000
  }),
  size: (text) => Buffer.byteLength(text),
  // Lines of one character are what YAML costs most for.
  millisPerMiB: 20_000,
  make: Effect.succeed(async (text) => {
    const shown = await Effect.runPromise(take(Buffer.from(text)))
    // A line names objects and repositories, which the text may call as it likes.
    if (encoded.test(shown.replace(/(?:name|host|base|repository|origin)":"[^"]*"/g, ""))) {
      throw new Error(`it shows ${shown.slice(0, 500)}`)
    }
  })
}
