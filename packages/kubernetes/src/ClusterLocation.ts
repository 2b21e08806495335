import type { EnvironmentVariables } from "@registry-packages-proxy/node-net/EnvironmentVariables"
import { Option } from "effect"

/** The directory of a pod's service account token and cluster CA. */
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

/** The location of an API server and its credentials. */
export type ClusterLocation =
  /** The current context of a kubeconfig file. */
  { readonly _tag: "Kubeconfig"; readonly path: string } | InCluster

/** The cluster of the pod in which registry-packages-proxy runs. The pod's service account is used. */
export interface InCluster {
  readonly _tag: "InCluster"
  readonly host: string
  readonly port: string
  /** The directory of the files `token` and `ca.crt`. */
  readonly directory: string
}

export const kubeconfig = (path: string): ClusterLocation => ({ _tag: "Kubeconfig", path })

/**
 * Returns the cluster that KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT identify. None if a variable is missing
 * or empty.
 */
export const inCluster = (
  env: EnvironmentVariables,
  directory: string = serviceAccount
): Option.Option<InCluster> => {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "" } = env
  return host === "" || port === ""
    ? Option.none()
    : Option.some({ _tag: "InCluster", host, port, directory })
}

/** Returns the path of the file with the service account's token. */
export const tokenFile = ({ directory }: InCluster): string => `${directory}/token`

/** Returns the name of a location for the log. Contains no secret. */
export const describe = (location: ClusterLocation): string =>
  location._tag === "Kubeconfig"
    ? `the API server of kubeconfig ${location.path}`
    : `the API server of this cluster, ${location.host.includes(":") ? `[${location.host}]` : location.host}:${location.port}`
