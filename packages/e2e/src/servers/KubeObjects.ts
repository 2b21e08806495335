import {
  dockerConfig,
  type HostCredentials
} from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"

type Json = Readonly<Record<string, unknown>>

/** The registry that a ModuleSource or Secret describes. `host` may contain a port, and `ca` is PEM. */
export interface RegistryProperties {
  readonly host: string
  readonly credentials: HostCredentials
  readonly ca: string
}

/**
 * Returns a ModuleSource for a repository path of the registry. It has only fields that the ModuleSource CRD defines.
 */
export const moduleSource = (
  name: string,
  path: string,
  { ca, host, credentials }: RegistryProperties
): Json => ({
  apiVersion: "deckhouse.io/v1alpha1",
  kind: "ModuleSource",
  metadata: { name },
  spec: {
    registry: { repo: `${host}/${path}`, scheme: "HTTPS", dockerCfg: btoa(dockerConfig(credentials)), ca }
  }
})

/** Returns the Secret that describes the cluster's own registry. */
export const registrySecret = (path: string, { ca, host, credentials }: RegistryProperties): Json => ({
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
      ".dockerconfigjson": dockerConfig(credentials)
    }).map(([key, value]) => [key, btoa(value)])
  )
})
