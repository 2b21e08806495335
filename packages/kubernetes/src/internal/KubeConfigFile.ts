import type { KubeConfig } from "@kubernetes/client-node/dist/config.js"
import type { Cluster, User } from "@kubernetes/client-node/dist/config_types.js"
import { type ClusterLocation, type InCluster, tokenFile } from "../ClusterLocation.ts"

const { readFileSync, statSync } = process.getBuiltinModule("node:fs")

/** A configuration that was read: what client-node authenticates with, and what it is not asked to do. */
export interface Loaded {
  readonly config: KubeConfig
  readonly server: URL
  /** An HTTP proxy on the way to the server. */
  readonly proxy: string | undefined
}

/** Why a configuration cannot be used, in words that show none of it. */
export class Unusable extends Error {}

// Evaluated when an API server is first asked, not when the program starts.
const load = async (): Promise<KubeConfig> => {
  const { KubeConfig } = await import("@kubernetes/client-node/dist/config.js")
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

/** Says what a file holds now without reading it: other after a rewrite, a rename or a symlink swap. */
export const print = (path: string): string => {
  try {
    const { ino, mtimeMs, size } = statSync(path)
    return `${ino} ${mtimeMs} ${size}`
  } catch {
    return "absent"
  }
}

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

const fromFile = async (path: string): Promise<Loaded> => {
  const name = `kubeconfig ${path.slice(path.lastIndexOf("/") + 1)}`
  const config = await load()
  try {
    readFileSync(path)
  } catch (cause) {
    throw unreadable(name, cause)
  }
  try {
    config.loadFromFile(path)
  } catch {
    throw new Unusable(`${name} is no kubeconfig that can be read`)
  }
  const cluster = config.getCurrentCluster()
  const user = config.getCurrentUser()
  if (cluster === null || user === null) {
    throw new Unusable(`${name} has no current context with a cluster and a user`)
  }
  supported(user)
  const server = serverOf(cluster)
  config.loadFromClusterAndUser(plain(cluster, server), withExecInfo(user))
  return { config, server, proxy: cluster.proxyUrl }
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
  return { config, server: serverOf(cluster), proxy: undefined }
}

/** Reads a configuration anew; rejects with {@link Unusable}. */
export const read = (location: ClusterLocation): Promise<Loaded> =>
  location._tag === "Kubeconfig" ? fromFile(location.path) : fromPod(location)
