import type { KubeConfig } from "@kubernetes/client-node/dist/config.js"
import type { Cluster, User } from "@kubernetes/client-node/dist/config_types.js"
import { Predicate, Schema } from "effect"
import { type ClusterLocation, type InCluster, tokenFile } from "../ClusterLocation.ts"

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

const Document = Schema.Struct({
  clusters: Schema.Array(Schema.Unknown),
  contexts: Schema.Array(Schema.Unknown),
  users: Schema.Array(Schema.Struct({ name: Schema.String, user: Schema.optionalKey(Schema.Unknown) })),
  "current-context": Schema.optionalKey(Schema.String)
})

const decodeDocument = Schema.decodeUnknownSync(Document)

/** What client-node does not know: a `tokenFile`, which goes before a `token`. */
const withTokenFile = (
  { name, user }: (typeof Document.Type)["users"][number],
  directory: string
): { readonly name: string; readonly user: unknown } => {
  if (!Predicate.isObject(user) || typeof user["tokenFile"] !== "string") return { name, user }
  const tokenFile = resolve(directory, user["tokenFile"])
  const { token: _, ...rest } = user
  return { name, user: { ...rest, "auth-provider": { name: "tokenFile", config: { tokenFile } } } }
}

// One YAML parser for the whole program: client-node would bring its own.
const parse = async (config: KubeConfig, text: string, directory: string): Promise<void> => {
  const { newClusters, newContexts, newUsers } = await import("@kubernetes/client-node/dist/config_types.js")
  const yaml = await import("yaml")
  const document = decodeDocument(yaml.parse(text, { logLevel: "silent", prettyErrors: false }))
  config.loadFromOptions({
    clusters: newClusters(document.clusters),
    contexts: newContexts(document.contexts),
    users: newUsers(document.users.map((user) => withTokenFile(user, directory))),
    currentContext: document["current-context"] ?? ""
  })
  config.makePathsAbsolute(directory)
}

const tokenFileOf = ({ authProvider }: User): string | undefined =>
  (authProvider as { readonly config?: { readonly tokenFile?: string } } | null | undefined)?.config
    ?.tokenFile

const fromFile = async (path: string): Promise<Loaded> => {
  const name = `kubeconfig ${path.slice(path.lastIndexOf("/") + 1)}`
  const config = await load()
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (cause) {
    throw unreadable(name, cause)
  }
  try {
    await parse(config, text, dirname(resolve(path)))
  } catch {
    // What it says may quote the file.
    throw new Unusable(`${name} is no kubeconfig that can be read`)
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
