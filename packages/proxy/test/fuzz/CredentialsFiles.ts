import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import { RepositoryKey } from "@registry-packages-proxy/domain/RepositoryKey"
import { emptyPath } from "@registry-packages-proxy/oci/RepositoryName"
import * as Objects from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import { ByteSize, Effect, FileSystem, Layer, Logger, Option, References } from "effect"
import type { Target } from "./FuzzSuite.ts"
import { type HostileShape, withHostile } from "./Hostile.ts"
import { near } from "./Mutations.ts"

const repository = "registry.test/modules"
const login = { host: "registry.test", username: "user", password: "s3cr3t" }
const source = Objects.moduleSource({ name: "modules", repo: repository, credentials: login })
const secret = Objects.registrySecret({ address: "registry.test", path: "/own", credentials: login })
const encoded = /s3cr3t|czNjcjN0|dXNlcjpz/

const yaml = (object: unknown): string =>
  JSON.stringify(object, undefined, 1)
    .replace(/^[{}\]],?\n?|,$/gm, "")
    .replace(/"([A-Za-z.]+)":/g, "$1:")

const samples = [
  JSON.stringify(source),
  JSON.stringify(Objects.kubernetesList([source, secret])),
  `${JSON.stringify(secret)}\n---\n${JSON.stringify(source)}\n`,
  "apiVersion: deckhouse.io/v1alpha1\nkind: ModuleSource\nmetadata:\n  name: a\nspec:\n  registry:\n" +
    "    repo: registry.test/modules\n    scheme: HTTPS\n    dockerCfg: eyJhdXRocyI6e319\n    ca: |\n      text\n",
  "- &x {apiVersion: v1, kind: A}\n- <<: *x\n  kind: B\n",
  yaml(source)
]

/**
 * Maximum lengths for `hostileTexts`, in characters. The credential store accepts files of up to 4 MiB.
 */
const sizes = [4 * 1024 * 1024, 1024 * 1024]

const shapes: ReadonlyArray<HostileShape> = [
  { before: "", unit: (index) => `key${index}: v\n`, after: "" },
  { before: "{", unit: (index) => `k${index}: v`, between: ",", after: "}" },
  { before: "", unit: "--- a\n", after: "" },
  { before: "", unit: `---\n${JSON.stringify(source)}\n`, after: "" },
  { before: "", unit: "- a\n", after: "" },
  { before: "[", unit: "{}", between: ",", after: "]" },
  { before: '{"kind":"List","items":[', unit: '{"kind":"List"}', between: ",", after: "]}" },
  { before: '{"kind":"SecretList","items":[', unit: "{}", between: ",", after: "]}" },
  { before: `[${JSON.stringify(source)},`, unit: "0", between: ",", after: "]" },
  { before: "- &a x\n", unit: "- *a\n", after: "" },
  { before: "- &a {b: c}\n", unit: "- {<<: *a}\n", after: "" },
  { before: "", unit: (index) => `- &a${index} x\n`, after: "" },
  { before: "- &", unit: "a", after: " x" },
  { before: "", unit: "- !a b\n", after: "" },
  { before: "", unit: "%TAG ! tag:x\n", after: "--- a" },
  { before: '"', unit: "x\n", after: '"' },
  { before: "a: |\n", unit: " x\n", after: "" },
  { before: "a: >\n x\n", unit: "\n", after: "" },
  { before: "", unit: "\n", after: "" },
  { before: "", unit: "#\n", after: "" },
  { before: "", unit: ": a\n", after: "" },
  { before: "", unit: "? a\n", after: "" }
]

const nestings = [
  ["", "[", "]", ""],
  ["", "{a: ", "}", ""],
  ["", "- ", "", ""],
  ["", "? ", "", ""],
  ["", "&a [*a,", "]", ""],
  [JSON.stringify(source).slice(0, -1) + ',"x":', "[", "]", "}"]
] as const

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

/** Maximum number of event loop turns that the credential store needs to accept or reject a file. */
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
      Effect.result(store.get(key, emptyPath))
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

/** Fuzzes credentials files. The registry sources and the log lines must not show a password. */
export const target: Target<string> = {
  name: "credentials files",
  input: withHostile(
    near({
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
    { shapes, nestings, sizes }
  ),
  size: (text) => Buffer.byteLength(text),
  millisPerMiB: 1_500,
  make: Effect.succeed(async (text) => {
    const shown = await Effect.runPromise(take(Buffer.from(text)))
    // These fields may show the names of objects and repositories, and the input may contain the password as a name.
    if (encoded.test(shown.replace(/(?:name|host|repositoryPrefix|repository|sourceObject)":"[^"]*"/g, ""))) {
      throw new Error(`it shows ${shown.slice(0, 500)}`)
    }
  })
}
