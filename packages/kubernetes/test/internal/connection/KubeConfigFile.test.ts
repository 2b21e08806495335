import { assert, describe, it } from "@effect/vitest"
import { kubeconfig } from "@registry-packages-proxy/kubernetes/ClusterLocation"
import { Effect } from "effect"
import * as fc from "fast-check"
import { dump } from "js-yaml"
import { truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as KubeConfigFile from "../../../src/internal/connection/KubeConfigFile.ts"
import { kubeconfigText, temporaryDirectory } from "../../Kubeconfig.ts"

interface Document {
  readonly "current-context": unknown
  readonly contexts: ReadonlyArray<unknown>
  readonly clusters: ReadonlyArray<unknown>
  readonly users: ReadonlyArray<unknown>
}

const server = "https://api.example.com:6443"
const good = JSON.parse(kubeconfigText({ server, user: { token: "s3cr3t" } })) as Document

/** Returns the server of a kubeconfig text, or the message of the error. */
const serverOf = Effect.fnUntraced(function* (text: string) {
  const file = join(yield* temporaryDirectory, "config")
  writeFileSync(file, text)
  return yield* Effect.promise(() =>
    KubeConfigFile.read(kubeconfig(file)).then(
      (loaded) => loaded.server.origin,
      (error: unknown) =>
        error instanceof KubeConfigFile.UnusableConfig ? error.message : `other: ${String(error)}`
    )
  )
}, Effect.scoped)

const neighbours: ReadonlyArray<readonly [what: string, Partial<Document>]> = [
  ["a cluster without server", { clusters: [{ name: "other", cluster: {} }, ...good.clusters] }],
  ["a cluster without cluster", { clusters: [...good.clusters, { name: "other" }] }],
  ["a cluster that is text", { clusters: ["other", ...good.clusters, null, 7, []] }],
  ["a user without name", { users: [{ user: {} }, ...good.users] }],
  ["a user that is null", { users: [null, { name: "other", user: null }, ...good.users] }],
  [
    "a user with an auth-provider",
    { users: [{ name: "other", user: { "auth-provider": 7 } }, ...good.users] }
  ],
  ["a user with an odd exec", { users: [{ name: "other", user: { exec: "x" } }, ...good.users] }],
  ["a context without context", { contexts: [{ name: "other" }, ...good.contexts] }],
  [
    "a context whose cluster and user do not exist",
    { contexts: [{ name: "other", context: { cluster: "x", user: "y" } }, ...good.contexts] }
  ],
  [
    "two clusters with the same name, of which the first is used",
    { clusters: [...good.clusters, { name: "test", cluster: { server: "http://x" } }] }
  ]
]

describe("a kubeconfig's current context", () => {
  for (const [what, changes] of neighbours) {
    it.effect(`is used despite ${what}`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* serverOf(JSON.stringify({ ...good, ...changes })), server)
        assert.strictEqual(yield* serverOf(dump({ ...good, ...changes })), server)
      })
    )
  }

  it.effect.each<[what: string, text: string]>([
    [
      "other fields of any kind",
      JSON.stringify({ ...good, preferences: [7], extensions: { a: { b: [] } }, kind: 7 })
    ],
    [
      "a key that occurs twice, of which the last is used",
      `${dump({ ...good, contexts: [] })}contexts: ${JSON.stringify(good.contexts)}\n`
    ],
    ["a second YAML document", `${dump(good)}---\n[\n]\n`],
    [
      "a context that names no user",
      JSON.stringify({ ...good, contexts: [{ name: "test", context: { cluster: "test" } }], users: null })
    ],
    [
      "a context whose user is empty text",
      JSON.stringify({ ...good, contexts: [{ name: "test", context: { cluster: "test", user: "" } }] })
    ],
    ["a byte order mark", `\ufeff${dump(good)}`],
    ["an unknown tag", `${dump(good)}extensions: !theirs {a: b}\n`]
  ])("is read with %s", ([, text]) =>
    Effect.map(serverOf(text), (found) => assert.strictEqual(found, server))
  )

  it.effect.each<[what: string, text: string, expected: string]>([
    [
      "no current context",
      JSON.stringify({ ...good, "current-context": undefined }),
      "has no current context with a cluster and a user"
    ],
    [
      "an empty current context",
      JSON.stringify({ ...good, "current-context": "" }),
      "has no current context"
    ],
    [
      "a current context that is not a string",
      JSON.stringify({ ...good, "current-context": ["test"] }),
      "has no current context"
    ],
    [
      "a current context that does not exist",
      JSON.stringify({ ...good, "current-context": "s3cr3t" }),
      "has no current context"
    ],
    [
      "a current context whose cluster does not exist",
      JSON.stringify({ ...good, clusters: [] }),
      "has no current context"
    ],
    [
      "a current context whose user does not exist",
      JSON.stringify({ ...good, users: {} }),
      "has no current context"
    ],
    [
      "a current context whose cluster has no server",
      JSON.stringify({ ...good, clusters: [{ name: "test", cluster: { s3cr3t: 1 } }] }),
      "has a current context whose cluster or user cannot be read"
    ],
    [
      "a current context whose server is not a URL",
      kubeconfigText({ server: "s3cr3t", user: {} }),
      "its cluster's server is not an http or https URL"
    ],
    ["a file that contains only a string", "s3cr3t", "has no current context"],
    ["a file that contains only a list", "[s3cr3t]", "has no current context"],
    ["an empty file", "", "has no current context"],
    ["a file that is not YAML", "a: [s3cr3t", "kubeconfig config cannot be read: line 1 is not valid YAML"],
    [
      "a file that is nested too deeply",
      `a: ${"[".repeat(200)}`,
      "kubeconfig config cannot be read: line 1 is nested more than 100 deep"
    ]
  ])("that is missing or broken is an error that quotes nothing of the file: %s", ([, text, expected]) =>
    Effect.gen(function* () {
      const detail = yield* serverOf(text)
      assert.include(detail, expected)
      assert.notInclude(detail, "s3cr3t")
    })
  )

  it.effect(
    "is not read from a file that is too large",
    Effect.fn(function* () {
      const file = join(yield* temporaryDirectory, "config")
      writeFileSync(file, dump(good))
      truncateSync(file, KubeConfigFile.maxSize + 1)
      const failure = yield* Effect.promise(() =>
        KubeConfigFile.read(kubeconfig(file)).then(
          () => undefined,
          (error: unknown) => error
        )
      )
      assert.instanceOf(failure, KubeConfigFile.UnusableConfig)
      assert.strictEqual(failure.message, "kubeconfig config is larger than 4 MiB")
    }, Effect.scoped)
  )

  it("is found or reported as missing in any file", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.json(),
      fc.jsonValue().map((value) => dump({ ...good, users: [value] }))
    )
    const isTold = fc.asyncProperty(text, async (written) =>
      assert.notMatch(await Effect.runPromise(serverOf(written)), /^other: /)
    )
    return fc.assert(isTold, { numRuns: 50 })
  })
})
