import { Effect } from "effect"
import * as Daemon from "../machine/Daemon.ts"
import * as KubeCluster from "../servers/KubeCluster.ts"

/**
 * Starts etcd, an API server, the scheduler and the controller manager, but no kubelet. A node becomes not ready if it
 * has not renewed its lease for 8 s. `program` is the path of the program that contains all four.
 */
export const make = Effect.fnUntraced(function* (program: string) {
  const cluster = yield* KubeCluster.make(program, { hasProgramAccount: false })
  const { accountKey, authority } = cluster.files
  const kubeconfig = yield* cluster.adminKubeconfig
  const common = [`--kubeconfig=${kubeconfig}`, "--leader-elect=false", "--secure-port=0"]
  yield* Daemon.start("kube-controller-manager", program, [
    "kube-controller-manager",
    ...common,
    `--root-ca-file=${authority}`,
    `--service-account-private-key-file=${accountKey}`,
    "--node-monitor-period=1s",
    "--node-monitor-grace-period=8s"
  ])
  yield* Daemon.start("kube-scheduler", program, ["kube-scheduler", ...common])
  return { ...cluster, kubeconfig }
})

export type ControlPlane = Effect.Success<ReturnType<typeof make>>
