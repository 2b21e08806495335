import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Option } from "effect"
import * as Cluster from "../src/Cluster.ts"
import { FilePath } from "../src/config/Flags.ts"
import * as ListenAddress from "../src/config/ListenAddress.ts"
import * as Settings from "../src/config/Settings.ts"

const pod = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "443" }
const kubeconfig = Option.some(FilePath.make("/kubeconfig"))
const credentialsFiles = [FilePath.make("/credentials.yaml")]
const secureListenAddress = Option.some(new ListenAddress.ListenAddress({ host: Option.none(), port: 4219 }))
const tokenFile = "/var/run/secrets/kubernetes.io/serviceaccount/token"

interface Pod {
  /** True if registry-packages-proxy runs in a pod. */
  readonly inPod?: boolean
  /** True if the pod has a service account's token. */
  readonly token?: boolean
}

/**
 * Calls `Cluster.choose`. Returns the `_tag` of the API server's location, or `none` without an API server. If
 * `Cluster.choose` fails, returns the message of the usage error.
 */
const chosen = (settings: Partial<Settings.Settings>, { inPod = true, token = false }: Pod = {}) =>
  Cluster.choose({ ...Settings.defaults, ...settings }, inPod ? pod : {}).pipe(
    Effect.map(Option.match({ onNone: () => "none", onSome: ({ location }) => location._tag })),
    Effect.catchTag("UsageError", ({ message }) => Effect.succeed(message)),
    Effect.provide(
      FileSystem.layerNoop({ exists: (path) => Effect.succeed(inPod && token && path === tokenFile) })
    )
  )

describe("the program's API server", () => {
  it.effect("is the kubeconfig's, else the pod's, which needs a token only with credentials files", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* chosen({ kubeconfig }, { token: true }), "Kubeconfig")
      assert.strictEqual(yield* chosen({ kubeconfig }, { inPod: false }), "Kubeconfig")
      assert.strictEqual(yield* chosen({}), "InCluster")
      assert.strictEqual(yield* chosen({ credentialsFiles }, { token: true }), "InCluster")
      assert.strictEqual(yield* chosen({ credentialsFiles }), "none")
      assert.strictEqual(yield* chosen({ credentialsFiles }, { inPod: false }), "none")
    })
  )

  it.effect("is required without credentials files", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* chosen({}, { inPod: false }),
        "no source of registry credentials; give --kubeconfig FILE (or REGISTRY_PACKAGES_PROXY_KUBECONFIG) or " +
          "--credentials-file FILE (or REGISTRY_PACKAGES_PROXY_CREDENTIALS_FILE), or run in a Kubernetes cluster"
      )
    })
  )

  it.effect("is required for a secure port, also in a pod without a service account token", () =>
    Effect.gen(function* () {
      const start =
        "--secure-listen-address: access control requires an API server; give --kubeconfig FILE " +
        "(or REGISTRY_PACKAGES_PROXY_KUBECONFIG), or "
      const secure = { secureListenAddress, credentialsFiles }
      assert.strictEqual(yield* chosen(secure, { inPod: false }), `${start}run in a Kubernetes cluster`)
      assert.strictEqual(
        yield* chosen(secure),
        `${start}give this pod a service account, whose token would be ${tokenFile}`
      )
      assert.strictEqual(yield* chosen(secure, { token: true }), "InCluster")
      assert.strictEqual(yield* chosen({ secureListenAddress }), "InCluster")
      assert.strictEqual(yield* chosen({ ...secure, kubeconfig }), "Kubeconfig")
    })
  )
})
