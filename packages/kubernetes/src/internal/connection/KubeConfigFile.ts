import type { Cluster, User } from "@kubernetes/client-node/dist/config_types.js"
import { Predicate, Result } from "effect"
import { type ClusterLocation, type InCluster, tokenFile } from "../../ClusterLocation.ts"
import * as YamlText from "../../YamlText.ts"
import type { KubeCredentials } from "../KubeCredentials.ts"

const { readFileSync, statSync } = process.getBuiltinModule("node:fs")
const { dirname, resolve } = process.getBuiltinModule("node:path")

/** The configuration that was read from a kubeconfig or a service account. */
export interface LoadedConfig {
  readonly credentials: KubeCredentials
  readonly server: URL
  /** The URL of an HTTP proxy. Undefined if the kubeconfig has no `proxy-url`. */
  readonly proxy: string | undefined
  /**
   * The configuration must be read again after one of these files changes. Certificate files are not included, because
   * they are read for each request.
   */
  readonly files: ReadonlyArray<string>
}

/** The configuration cannot be used. The message contains no value of the configuration. */
export class UnusableConfig extends Error {}

// Loaded with the first request, to save memory.
const credentialsOf = async (cluster: Cluster, user: User): Promise<KubeCredentials> => {
  const { make } = await import("../KubeCredentials.ts")
  return make(cluster, user)
}

const codeOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : ""

/** Makes the error for a file that cannot be read. `name` is the name of the file in the message. */
export const unreadable = (name: string, cause: unknown): UnusableConfig => {
  const code = codeOf(cause)
  if (code === "ENOENT") return new UnusableConfig(`${name} does not exist`)
  if (code === "EACCES" || code === "EPERM")
    return new UnusableConfig(`${name} cannot be read: permission denied for this user`)
  return new UnusableConfig(`${name} cannot be read${/^E[A-Z]+$/.test(code) ? ` (${code})` : ""}`)
}

/** Returns a fingerprint of the files' metadata. A rewrite, a rename or a symlink swap changes the fingerprint. */
export const filesFingerprint = (paths: ReadonlyArray<string>): string =>
  paths
    .map((path) => {
      const { ctimeMs = 0, ino = 0, mtimeMs = 0, size = 0 } = statSync(path, { throwIfNoEntry: false }) ?? {}
      return `${ino} ${mtimeMs} ${ctimeMs} ${size}`
    })
    .join(", ")

const execInfo = (apiVersion: string) => ({
  name: "KUBERNETES_EXEC_INFO",
  value: JSON.stringify({ apiVersion, kind: "ExecCredential", spec: { interactive: false } })
})

interface Exec {
  readonly apiVersion?: string
  readonly env?: ReadonlyArray<unknown> | null
}

/** Adds KUBERNETES_EXEC_INFO to the environment of the user's exec plugin, because client-node omits this variable. */
const withExecInfo = (user: User): User => {
  const exec = user.exec as Exec | null | undefined
  if (exec === null || exec === undefined) return user
  const info = execInfo(exec.apiVersion ?? "client.authentication.k8s.io/v1")
  return { ...user, exec: { ...exec, env: [...(exec.env ?? []), info] } }
}

const assertSupported = (user: User): void => {
  const provider = user.authProvider as { readonly name?: unknown } | null | undefined
  if (provider !== null && provider !== undefined && provider.name !== "tokenFile") {
    throw new UnusableConfig(
      "its user has an auth-provider, which Kubernetes replaced by exec plugins: use one"
    )
  }
}

const serverOf = (cluster: Cluster): URL => {
  const server = URL.canParse(cluster.server) ? new URL(cluster.server) : undefined
  if (server?.protocol !== "https:" && server?.protocol !== "http:") {
    throw new UnusableConfig("its cluster's server is not an http or https URL")
  }
  return server
}

/** Disables certificate checks if the server's URL has the scheme `http:`. */
const withoutTlsOnHttp = (cluster: Cluster, server: URL): Cluster => ({
  ...cluster,
  skipTLSVerify: cluster.skipTLSVerify || server.protocol === "http:"
})

/** The maximum size of a kubeconfig, in bytes. */
export const maxSize = 4 * 1024 * 1024

/**
 * Returns the first object with this name in a list of a kubeconfig. Undefined if there is none, or if the name is
 * empty or not a string.
 */
const named = (entries: unknown, name: unknown): Readonly<Record<string, unknown>> | undefined =>
  Array.isArray(entries) && typeof name === "string" && name !== ""
    ? entries.find(
        (entry): entry is Readonly<Record<string, unknown>> =>
          Predicate.isObject(entry) && entry["name"] === name
      )
    : undefined

/**
 * Replaces a user's `tokenFile` by an `auth-provider`, because client-node does not support `tokenFile`. Removes
 * `token`, because `tokenFile` takes precedence over it.
 */
const withTokenFile = (
  entry: Readonly<Record<string, unknown>>,
  directory: string
): Readonly<Record<string, unknown>> => {
  const { user } = entry
  if (!Predicate.isObject(user) || typeof user["tokenFile"] !== "string") return entry
  const tokenFile = resolve(directory, user["tokenFile"])
  const { token: _, ...rest } = user
  return { ...entry, user: { ...rest, "auth-provider": { name: "tokenFile", config: { tokenFile } } } }
}

const absolute = (directory: string, file: string | null | undefined): { readonly file?: string } =>
  file ? { file: resolve(directory, file) } : {}

/** The user for a context that names no user, as in client-go. */
const anonymous = { name: "anonymous", user: {} } as const

/**
 * Returns the cluster and the user of the current context. Undefined if the context, the cluster or the user is
 * missing. Rejects if one of them is malformed.
 */
const current = async (
  document: unknown,
  directory: string
): Promise<{ readonly cluster: Cluster; readonly user: User } | undefined> => {
  const { newClusters, newUsers } = await import("@kubernetes/client-node/dist/config_types.js")
  if (!Predicate.isObject(document)) return undefined
  const context = named(document["contexts"], document["current-context"])
  const { cluster: clusterName, user: userName } = Predicate.isObject(context?.["context"])
    ? context["context"]
    : {}
  const clusterEntry = named(document["clusters"], clusterName)
  const isAnonymous = userName === undefined || userName === null || userName === ""
  const userEntry = isAnonymous ? anonymous : named(document["users"], userName)
  if (context === undefined || clusterEntry === undefined || userEntry === undefined) return undefined
  const [cluster] = newClusters([clusterEntry])
  const [user] = newUsers([withTokenFile(userEntry, directory)])
  if (cluster === undefined || user === undefined) return undefined
  const { file: caFile } = absolute(directory, cluster.caFile)
  const { file: certFile } = absolute(directory, user.certFile)
  const { file: keyFile } = absolute(directory, user.keyFile)
  return {
    cluster: caFile === undefined ? cluster : { ...cluster, caFile },
    user: {
      ...user,
      ...(certFile === undefined ? {} : { certFile }),
      ...(keyFile === undefined ? {} : { keyFile })
    }
  }
}

const tokenFileOf = ({ authProvider }: User): string | undefined =>
  (authProvider as { readonly config?: { readonly tokenFile?: string } } | null | undefined)?.config
    ?.tokenFile

const readText = (path: string, name: string): string => {
  const tooLarge = () => new UnusableConfig(`${name} is larger than ${maxSize / 1024 / 1024} MiB`)
  let text: string
  try {
    if (statSync(path).size > maxSize) throw tooLarge()
    text = readFileSync(path, "utf8")
  } catch (cause) {
    throw cause instanceof UnusableConfig ? cause : unreadable(name, cause)
  }
  if (text.length > maxSize) throw tooLarge()
  return text.replace(/^\ufeff/, "")
}

const fromFile = async (path: string): Promise<LoadedConfig> => {
  const name = `kubeconfig ${path.slice(path.lastIndexOf("/") + 1)}`
  const documents = await YamlText.parse(readText(path, name))
  if (Result.isFailure(documents)) throw new UnusableConfig(`${name} cannot be read: ${documents.failure}`)
  const found = await current(documents.success[0], dirname(resolve(path))).catch(() => {
    // The original message may quote the file.
    throw new UnusableConfig(`${name} has a current context whose cluster or user cannot be read`)
  })
  if (found === undefined) {
    throw new UnusableConfig(`${name} has no current context with a cluster and a user`)
  }
  const { cluster, user } = found
  assertSupported(user)
  const server = serverOf(cluster)
  const tokenFile = tokenFileOf(user)
  return {
    credentials: await credentialsOf(withoutTlsOnHttp(cluster, server), withExecInfo(user)),
    server,
    proxy: cluster.proxyUrl,
    files: tokenFile === undefined ? [path] : [path, tokenFile]
  }
}

const fromPod = async (location: InCluster): Promise<LoadedConfig> => {
  const host = location.host.includes(":") ? `[${location.host}]` : location.host
  const cluster: Cluster = {
    name: "cluster",
    caFile: `${location.directory}/ca.crt`,
    server: `https://${host}:${location.port}`,
    skipTLSVerify: false
  }
  const user: User = {
    name: "pod",
    authProvider: { name: "tokenFile", config: { tokenFile: tokenFile(location) } }
  }
  return {
    credentials: await credentialsOf(cluster, user),
    server: serverOf(cluster),
    proxy: undefined,
    files: [tokenFile(location)]
  }
}

/** Reads the configuration of a location. Rejects with `UnusableConfig` if the configuration cannot be used. */
export const read = (location: ClusterLocation): Promise<LoadedConfig> =>
  location._tag === "Kubeconfig" ? fromFile(location.path) : fromPod(location)
