import { Effect } from "effect"
import { Base64 } from "effect/encoding"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A directory that is removed with the scope. */
export const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "registry-packages-proxy-kubernetes-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

export interface KubeconfigOptions {
  readonly server: string
  readonly ca?: string
  readonly cluster?: Readonly<Record<string, unknown>>
  /** Fields of the user, as a kubeconfig names them. */
  readonly user: Readonly<Record<string, unknown>>
}

/** The text of a kubeconfig; JSON is YAML. */
export const kubeconfigText = ({ ca, cluster, server, user }: KubeconfigOptions): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "test",
    contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
    clusters: [
      {
        name: "test",
        cluster: {
          server,
          ...(ca === undefined ? {} : { "certificate-authority-data": Base64.encode(ca) }),
          ...cluster
        }
      }
    ],
    users: [{ name: "test", user }]
  })

/** Writes a kubeconfig and returns its path. */
export const writeKubeconfig = Effect.fnUntraced(function* (options: KubeconfigOptions) {
  const file = join(yield* temporaryDirectory, "kubeconfig")
  writeFileSync(file, kubeconfigText(options))
  return file
})
