import { kinds } from "@registry-packages-proxy/credential-store/kinds/Kinds"
import * as Resource from "@registry-packages-proxy/kubernetes/Resource"
import { Base64 } from "effect/encoding"
import type { BasicCredentials } from "../wire/BasicCredentials.ts"

/** A user name and a password for one registry host. */
export interface HostCredentials extends BasicCredentials {
  /** The key of the credentials in `auths`. It is `host[:port]`, or any other key of a docker config.json. */
  readonly host: string
}

/** The `auths` of a docker config.json. The keys are registry hosts, or hosts with a path. */
export type DockerConfigAuths = Readonly<Record<string, unknown>>

/**
 * The fields of a ModuleSource. No field is checked, so a test can set invalid values. `dockerCfg` overrides `auths`,
 * and `auths` overrides `credentials`.
 */
export interface ModuleSourceOptions {
  readonly name: string
  readonly repo: string
  readonly scheme?: string
  readonly credentials?: HostCredentials
  readonly auths?: DockerConfigAuths
  readonly dockerCfg?: string
  readonly ca?: string
  readonly creationTimestamp?: string
}

/** The fields of the Secret `d8-system/deckhouse-registry`. `auths` overrides `credentials`. */
export interface RegistrySecretOptions {
  readonly address: string
  readonly path?: string
  readonly scheme?: string
  readonly ca?: string
  readonly credentials?: HostCredentials
  readonly auths?: DockerConfigAuths
}

/** Returns the text of a docker config.json with the credentials of one host. */
export const dockerConfig = ({ host, password, username }: HostCredentials): string =>
  JSON.stringify({ auths: { [host]: { auth: Base64.encode(`${username}:${password}`) } } })

const configOf = ({
  auths,
  credentials
}: {
  readonly auths?: DockerConfigAuths
  readonly credentials?: HostCredentials
}): string | undefined =>
  auths !== undefined
    ? JSON.stringify({ auths })
    : credentials !== undefined
      ? dockerConfig(credentials)
      : undefined

const dockerCfgOf = (options: ModuleSourceOptions): string | undefined => {
  const config = configOf(options)
  return options.dockerCfg ?? (config === undefined ? undefined : Base64.encode(config))
}

const given = (values: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]))
  )

/** Makes a ModuleSource as the API server sends it. It has some fields that registry-packages-proxy ignores. */
export const moduleSource = (options: ModuleSourceOptions): Record<string, unknown> => ({
  apiVersion: "deckhouse.io/v1alpha1",
  kind: "ModuleSource",
  metadata: {
    name: options.name,
    ...given({ creationTimestamp: options.creationTimestamp }),
    managedFields: [{ manager: "test" }]
  },
  spec: {
    registry: {
      repo: options.repo,
      ...given({ scheme: options.scheme, ca: options.ca, dockerCfg: dockerCfgOf(options) }),
      unknownField: 1
    },
    releaseChannel: "Stable"
  },
  status: { modulesCount: 3 }
})

/** Makes the Secret `d8-system/deckhouse-registry` as the API server sends it. */
export const registrySecret = (options: RegistrySecretOptions): Record<string, unknown> => {
  const values = given({
    address: options.address,
    path: options.path,
    scheme: options.scheme,
    ca: options.ca,
    ".dockerconfigjson": configOf(options),
    clusterIsBootstrapped: "true"
  })
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "deckhouse-registry", namespace: "d8-system" },
    type: "kubernetes.io/dockerconfigjson",
    data: Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Base64.encode(value)]))
  }
}

/** Makes a Kubernetes List of these objects, like the output of `kubectl get -o yaml`. */
export const kubernetesList = (items: ReadonlyArray<unknown>): Record<string, unknown> => ({
  apiVersion: "v1",
  kind: "List",
  items,
  metadata: { resourceVersion: "" }
})

/**
 * The collections that a CredentialStore watches, for the option `collections` of a FakeKubernetes. The key is a URL
 * path, and the value is the kind of the collection's objects.
 */
export const watchedCollections: Readonly<Record<string, string>> = Object.fromEntries(
  kinds.map((kind) => [Resource.path(kind), kind.kind])
)
