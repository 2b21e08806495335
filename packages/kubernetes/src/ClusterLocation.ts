import { Option } from "effect"

/** Where a pod finds its service account's token and the cluster's CA. */
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

/** Where the API server is to be found, and as whom to speak to it. */
export type ClusterLocation =
  /** A kubeconfig file, with its current context. */
  { readonly _tag: "Kubeconfig"; readonly path: string } | InCluster

/** The cluster this program runs in, as the pod's service account. */
export interface InCluster {
  readonly _tag: "InCluster"
  readonly host: string
  readonly port: string
  /** Holds `token` and `ca.crt`. */
  readonly directory: string
}

export const kubeconfig = (path: string): ClusterLocation => ({ _tag: "Kubeconfig", path })

/** The cluster that a pod's environment variables name, if they do. */
export const inCluster = (
  variables: Readonly<Record<string, string | undefined>>,
  directory: string = serviceAccount
): Option.Option<InCluster> => {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "" } = variables
  return host === "" || port === ""
    ? Option.none()
    : Option.some({ _tag: "InCluster", host, port, directory })
}

/** Where a pod's service account keeps its token. */
export const tokenFile = ({ directory }: InCluster): string => `${directory}/token`

/** For the log; no part of it is secret. */
export const describe = (location: ClusterLocation): string =>
  location._tag === "Kubeconfig"
    ? `the API server of kubeconfig ${location.path}`
    : `the API server of this cluster, ${location.host.includes(":") ? `[${location.host}]` : location.host}:${location.port}`
