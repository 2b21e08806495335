import { Effect } from "effect"
import { Base64 } from "effect/encoding"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Makes a directory that is removed when the scope ends. */
export const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "registry-packages-proxy-kubernetes-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

export interface KubeconfigOptions {
  readonly server: string
  readonly ca?: string
  readonly cluster?: Readonly<Record<string, unknown>>
  /** The fields of the user, with their names in a kubeconfig. */
  readonly user: Readonly<Record<string, unknown>>
}

/** Returns the text of a kubeconfig in JSON. Every JSON text is also YAML. */
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

/** Writes a kubeconfig to a temporary directory, and returns its path. */
export const writeKubeconfig = Effect.fnUntraced(function* (options: KubeconfigOptions) {
  const file = join(yield* temporaryDirectory, "kubeconfig")
  writeFileSync(file, kubeconfigText(options))
  return file
})
