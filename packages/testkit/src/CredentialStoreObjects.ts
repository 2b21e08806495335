import { Base64 } from "effect/encoding"

/** A user's name and password for a registry host. */
export interface Login {
  readonly host: string
  readonly username: string
  readonly password: string
}

/** What a test says of a ModuleSource; `scheme` and `dockerCfg` are taken as they are, so that they can be wrong. */
export interface ModuleSourceOptions {
  readonly name: string
  readonly repo: string
  readonly scheme?: string
  readonly login?: Login
  readonly dockerCfg?: string
  readonly ca?: string
  readonly creationTimestamp?: string
}

/** What a test says of the cluster's registry Secret. */
export interface RegistrySecretOptions {
  readonly address: string
  readonly path?: string
  readonly scheme?: string
  readonly ca?: string
  readonly login?: Login
}

/** A docker config.json's text with one login. */
export const dockerConfig = ({ host, password, username }: Login): string =>
  JSON.stringify({ auths: { [host]: { auth: Base64.encode(`${username}:${password}`) } } })

/** A ModuleSource as the API server gives it out, with fields the program does not know. */
export const moduleSource = (options: ModuleSourceOptions): Record<string, unknown> => ({
  apiVersion: "deckhouse.io/v1alpha1",
  kind: "ModuleSource",
  metadata: {
    name: options.name,
    ...(options.creationTimestamp === undefined ? {} : { creationTimestamp: options.creationTimestamp }),
    managedFields: [{ manager: "test" }]
  },
  spec: {
    registry: {
      repo: options.repo,
      ...(options.scheme === undefined ? {} : { scheme: options.scheme }),
      ...(options.ca === undefined ? {} : { ca: options.ca }),
      ...(options.dockerCfg === undefined && options.login === undefined
        ? {}
        : { dockerCfg: options.dockerCfg ?? Base64.encode(dockerConfig(options.login ?? emptyLogin)) }),
      unknownField: 1
    },
    releaseChannel: "Stable"
  },
  status: { modulesCount: 3 }
})

const emptyLogin: Login = { host: "", username: "", password: "" }

/** The Secret `d8-system/deckhouse-registry` as the API server gives it out. */
export const registrySecret = (options: RegistrySecretOptions): Record<string, unknown> => {
  const values = Object.entries({
    address: options.address,
    path: options.path,
    scheme: options.scheme,
    ca: options.ca,
    ".dockerconfigjson": options.login === undefined ? undefined : dockerConfig(options.login),
    clusterIsBootstrapped: "true"
  })
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "deckhouse-registry", namespace: "d8-system" },
    type: "kubernetes.io/dockerconfigjson",
    data: Object.fromEntries(
      values.flatMap(([key, value]) => (value === undefined ? [] : [[key, Base64.encode(value)]]))
    )
  }
}

/** Many objects in one, as `kubectl get -o yaml` prints them. */
export const list = (items: ReadonlyArray<unknown>): Record<string, unknown> => ({
  apiVersion: "v1",
  kind: "List",
  items,
  metadata: { resourceVersion: "" }
})
