import {
  dockerConfig,
  type Login
} from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"

type Json = Readonly<Record<string, unknown>>

/** The properties of a registry in Kubernetes objects. */
export interface Source {
  readonly host: string
  readonly login: Login
  readonly ca: string
}

/** A ModuleSource with only the fields that its CRD has. */
export const moduleSource = (name: string, path: string, { ca, host, login }: Source): Json => ({
  apiVersion: "deckhouse.io/v1alpha1",
  kind: "ModuleSource",
  metadata: { name },
  spec: { registry: { repo: `${host}/${path}`, scheme: "HTTPS", dockerCfg: btoa(dockerConfig(login)), ca } }
})

/** The Secret of the cluster's own registry. */
export const registrySecret = (path: string, { ca, host, login }: Source): Json => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "deckhouse-registry", namespace: "d8-system" },
  type: "kubernetes.io/dockerconfigjson",
  data: Object.fromEntries(
    Object.entries({
      address: host,
      path: `/${path}`,
      scheme: "https",
      ca,
      ".dockerconfigjson": dockerConfig(login)
    }).map(([key, value]) => [key, btoa(value)])
  )
})
