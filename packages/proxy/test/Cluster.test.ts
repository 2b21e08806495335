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

interface Where {
  /** The program runs in a pod. */
  readonly inPod?: boolean
  /** The pod has a service account's token. */
  readonly token?: boolean
}

/** The API server chosen, or what the program is refused with. */
const chosen = (settings: Partial<Settings.Settings>, { inPod = true, token = false }: Where = {}) =>
  Cluster.choose({ ...Settings.defaults, ...settings }, inPod ? pod : {}).pipe(
    Effect.map(Option.match({ onNone: () => "none", onSome: ({ location }) => location._tag })),
    Effect.catchTag("UsageError", ({ message }) => Effect.succeed(message)),
    Effect.provide(
      FileSystem.layerNoop({ exists: (path) => Effect.succeed(inPod && token && path === tokenFile) })
    )
  )

describe("which API server the program has", () => {
  it.effect("a kubeconfig goes before the pod's own, which needs a token only beside files", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* chosen({ kubeconfig }, { token: true }), "Kubeconfig")
      assert.strictEqual(yield* chosen({ kubeconfig }, { inPod: false }), "Kubeconfig")
      assert.strictEqual(yield* chosen({}), "InCluster")
      assert.strictEqual(yield* chosen({ credentialsFiles }, { token: true }), "InCluster")
      assert.strictEqual(yield* chosen({ credentialsFiles }), "none")
      assert.strictEqual(yield* chosen({ credentialsFiles }, { inPod: false }), "none")
    })
  )

  it.effect("without one and without files there is no source of credentials", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* chosen({}, { inPod: false }),
        "no source of registry credentials: give --kubeconfig FILE (or REGISTRY_PACKAGES_PROXY_KUBECONFIG) or " +
          "--credentials-file FILE (or REGISTRY_PACKAGES_PROXY_CREDENTIALS_FILE), or run in a Kubernetes cluster"
      )
    })
  )

  it.effect("a secure port needs one, in a pod without a service account's token too", () =>
    Effect.gen(function* () {
      const start =
        "--secure-listen-address: no API server to ask who may; give --kubeconfig FILE " +
        "(or REGISTRY_PACKAGES_PROXY_KUBECONFIG), or "
      const secure = { secureListenAddress, credentialsFiles }
      assert.strictEqual(yield* chosen(secure, { inPod: false }), `${start}run in a Kubernetes cluster`)
      assert.strictEqual(
        yield* chosen(secure),
        `${start}this pod a service account, whose token would be ${tokenFile}`
      )
      assert.strictEqual(yield* chosen(secure, { token: true }), "InCluster")
      assert.strictEqual(yield* chosen({ secureListenAddress }), "InCluster")
      assert.strictEqual(yield* chosen({ ...secure, kubeconfig }), "Kubeconfig")
    })
  )
})
