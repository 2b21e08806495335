import type { Cluster, User } from "@kubernetes/client-node/dist/config_types.js"
import { Predicate, Result } from "effect"
import { type ClusterLocation, type InCluster, tokenFile } from "../ClusterLocation.ts"
import * as YamlText from "../YamlText.ts"
import type { KubeConfig } from "./KubeConfig.ts"

const { readFileSync, statSync } = process.getBuiltinModule("node:fs")
const { dirname, resolve } = process.getBuiltinModule("node:path")

/** A configuration that was read: what client-node authenticates with, and what it is not asked to do. */
export interface Loaded {
  readonly config: KubeConfig
  readonly server: URL
  /** An HTTP proxy on the way to the server. */
  readonly proxy: string | undefined
  /** The files that are to be read again when they change; certificates are at each connection. */
  readonly files: ReadonlyArray<string>
}

/** Why a configuration cannot be used, in words that show none of it. */
export class Unusable extends Error {}

// Evaluated when an API server is first asked, not when the program starts.
const load = async (): Promise<KubeConfig> => {
  const { KubeConfig } = await import("./KubeConfig.ts")
  return new KubeConfig()
}

const codeOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : ""

/** What a file that cannot be read means. */
export const unreadable = (name: string, cause: unknown): Unusable => {
  const code = codeOf(cause)
  if (code === "ENOENT") return new Unusable(`${name} is not there`)
  if (code === "EACCES" || code === "EPERM") return new Unusable(`${name} may not be read by this user`)
  return new Unusable(`${name} cannot be read${/^E[A-Z]+$/.test(code) ? ` (${code})` : ""}`)
}

/** Says what files hold now without reading them: other after a rewrite, a rename or a symlink swap. */
export const print = (paths: ReadonlyArray<string>): string =>
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

/** What client-node leaves out: it does not tell a plugin what is expected of it. */
const withExecInfo = (user: User): User => {
  const exec = user.exec as Exec | null | undefined
  if (exec === null || exec === undefined) return user
  const info = execInfo(exec.apiVersion ?? "client.authentication.k8s.io/v1")
  return { ...user, exec: { ...exec, env: [...(exec.env ?? []), info] } }
}

const supported = (user: User): void => {
  const provider = user.authProvider as { readonly name?: unknown } | null | undefined
  if (provider !== null && provider !== undefined && provider.name !== "tokenFile") {
    throw new Unusable("its user has an auth-provider, which Kubernetes gave up for exec plugins")
  }
}

const serverOf = (cluster: Cluster): URL => {
  const server = URL.canParse(cluster.server) ? new URL(cluster.server) : undefined
  if (server?.protocol !== "https:" && server?.protocol !== "http:") {
    throw new Unusable("its cluster's server is no http or https URL")
  }
  return server
}

/** Proxies are Node's part here, and client-node refuses plain HTTP where a check of certificates is asked for. */
const plain = (cluster: Cluster, server: URL): Cluster => {
  const { proxyUrl: _, ...rest } = cluster
  return { ...rest, skipTLSVerify: cluster.skipTLSVerify || server.protocol === "http:" }
}

/** The largest kubeconfig read, in bytes. */
export const maxSize = 4 * 1024 * 1024

/** The entry of this name in a list of a kubeconfig; whatever else stands there does not matter. */
const named = (entries: unknown, name: unknown): Readonly<Record<string, unknown>> | undefined =>
  Array.isArray(entries) && typeof name === "string" && name !== ""
    ? entries.find(
        (entry): entry is Readonly<Record<string, unknown>> =>
          Predicate.isObject(entry) && entry["name"] === name
      )
    : undefined

/** What client-node does not know: a `tokenFile`, which goes before a `token`. */
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

/** Gives client-node the current context, its cluster and its user; nothing where one is missing. */
const take = async (config: KubeConfig, document: unknown, directory: string): Promise<void> => {
  const { newClusters, newContexts, newUsers } = await import("@kubernetes/client-node/dist/config_types.js")
  if (!Predicate.isObject(document)) return
  const context = named(document["contexts"], document["current-context"])
  const { cluster: clusterName, user: userName } = Predicate.isObject(context?.["context"])
    ? context["context"]
    : {}
  const cluster = named(document["clusters"], clusterName)
  const user = named(document["users"], userName)
  if (context === undefined || cluster === undefined || user === undefined) return
  config.loadFromOptions({
    clusters: newClusters([cluster]),
    contexts: newContexts([context]),
    users: newUsers([withTokenFile(user, directory)]),
    currentContext: document["current-context"]
  })
  config.makePathsAbsolute(directory)
}

const tokenFileOf = ({ authProvider }: User): string | undefined =>
  (authProvider as { readonly config?: { readonly tokenFile?: string } } | null | undefined)?.config
    ?.tokenFile

const readText = (path: string, name: string): string => {
  const tooLarge = () => new Unusable(`${name} is larger than ${maxSize / 1024 / 1024} MiB`)
  let text: string
  try {
    if (statSync(path).size > maxSize) throw tooLarge()
    text = readFileSync(path, "utf8")
  } catch (cause) {
    throw cause instanceof Unusable ? cause : unreadable(name, cause)
  }
  if (text.length > maxSize) throw tooLarge()
  return text.replace(/^\ufeff/, "")
}

const fromFile = async (path: string): Promise<Loaded> => {
  const name = `kubeconfig ${path.slice(path.lastIndexOf("/") + 1)}`
  const config = await load()
  const documents = await YamlText.parse(readText(path, name))
  if (Result.isFailure(documents)) throw new Unusable(`${name} cannot be read: ${documents.failure}`)
  try {
    await take(config, documents.success[0], dirname(resolve(path)))
  } catch {
    // What it says may quote the file.
    throw new Unusable(`${name} has a current context whose cluster or user cannot be read`)
  }
  const cluster = config.getCurrentCluster()
  const user = config.getCurrentUser()
  if (cluster === null || user === null) {
    throw new Unusable(`${name} has no current context with a cluster and a user`)
  }
  supported(user)
  const server = serverOf(cluster)
  const tokenFile = tokenFileOf(user)
  config.loadFromClusterAndUser(plain(cluster, server), withExecInfo(user))
  return {
    config,
    server,
    proxy: cluster.proxyUrl,
    files: tokenFile === undefined ? [path] : [path, tokenFile]
  }
}

const fromPod = async (location: InCluster): Promise<Loaded> => {
  const host = location.host.includes(":") ? `[${location.host}]` : location.host
  const cluster: Cluster = {
    name: "cluster",
    caFile: `${location.directory}/ca.crt`,
    server: `https://${host}:${location.port}`,
    skipTLSVerify: false
  }
  const config = await load()
  config.loadFromClusterAndUser(cluster, {
    name: "pod",
    authProvider: { name: "tokenFile", config: { tokenFile: tokenFile(location) } }
  })
  return { config, server: serverOf(cluster), proxy: undefined, files: [tokenFile(location)] }
}

/** Reads a configuration anew; rejects with {@link Unusable}. */
export const read = (location: ClusterLocation): Promise<Loaded> =>
  location._tag === "Kubeconfig" ? fromFile(location.path) : fromPod(location)
