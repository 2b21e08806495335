import type { Cluster, Context, User } from "@kubernetes/client-node/dist/config_types.js"
import { ExecAuth } from "@kubernetes/client-node/dist/exec_auth.js"
import { FileAuth } from "@kubernetes/client-node/dist/file_auth.js"
import type { RequestOptions } from "node:https"

const { readFileSync } = process.getBuiltinModule("node:fs")
const { resolve } = process.getBuiltinModule("node:path")

/** The content of `file`, which goes before `data` in base64. */
const content = (file: string | null | undefined, data: string | null | undefined): Buffer | undefined => {
  if (file !== null && file !== undefined && file !== "") return readFileSync(file)
  return data !== null && data !== undefined && data !== "" ? Buffer.from(data, "base64") : undefined
}

/**
 * A kubeconfig as client-node has it. Its own class of that name also loads clients of all of Kubernetes' API, three HTTP
 * stacks and a YAML parser; this one has only its modules that authenticate.
 */
export class KubeConfig {
  #clusters: ReadonlyArray<Cluster> = []
  #contexts: ReadonlyArray<Context> = []
  #users: ReadonlyArray<User> = []
  #currentContext = ""
  readonly #authenticators = [new ExecAuth(), new FileAuth()]

  loadFromOptions(options: {
    readonly clusters: ReadonlyArray<Cluster>
    readonly contexts: ReadonlyArray<Context>
    readonly users: ReadonlyArray<User>
    readonly currentContext: string
  }): void {
    this.#clusters = options.clusters
    this.#contexts = options.contexts
    this.#users = options.users
    this.#currentContext = options.currentContext
  }

  loadFromClusterAndUser(cluster: Cluster, user: User): void {
    this.loadFromOptions({
      clusters: [cluster],
      users: [user],
      contexts: [{ name: "only", cluster: cluster.name, user: user.name }],
      currentContext: "only"
    })
  }

  get #context(): Context | undefined {
    return this.#contexts.find(({ name }) => name === this.#currentContext)
  }

  getCurrentCluster(): Cluster | null {
    const wanted = this.#context?.cluster
    return this.#clusters.find(({ name }) => name === wanted) ?? null
  }

  getCurrentUser(): User | null {
    const wanted = this.#context?.user
    return this.#users.find(({ name }) => name === wanted) ?? null
  }

  /** Files are named relative to the kubeconfig's directory. */
  makePathsAbsolute(directory: string): void {
    const absolute = (file: string | null | undefined): { readonly path?: string } =>
      file === null || file === undefined || file === "" ? {} : { path: resolve(directory, file) }
    for (const cluster of this.#clusters) {
      const { path } = absolute(cluster.caFile)
      if (path !== undefined) cluster.caFile = path
    }
    for (const user of this.#users) {
      const [certificate, key] = [absolute(user.certFile), absolute(user.keyFile)]
      if (certificate.path !== undefined) user.certFile = certificate.path
      if (key.path !== undefined) user.keyFile = key.path
    }
  }

  /** Puts in what a request to the current cluster is made and authenticated with; runs an exec plugin where there is one. */
  async applyToHTTPSOptions(options: RequestOptions): Promise<void> {
    const [cluster, user] = [this.getCurrentCluster(), this.getCurrentUser()]
    if (cluster === null || user === null) return
    if (cluster.skipTLSVerify) options.rejectUnauthorized = false
    if (cluster.tlsServerName) options.servername = cluster.tlsServerName
    const [ca, cert, key] = [
      content(cluster.caFile, cluster.caData),
      content(user.certFile, user.certData),
      content(user.keyFile, user.keyData)
    ]
    if (ca !== undefined) options.ca = ca
    if (cert !== undefined) options.cert = cert
    if (key !== undefined) options.key = key
    const headers: Record<string, string> = {}
    options.headers = headers
    if (user.impersonateUser) headers["Impersonate-User"] = user.impersonateUser
    const authenticator = this.#authenticators.find((authenticator) => authenticator.isAuthProvider(user))
    await authenticator?.applyAuthentication(user, options)
    if (user.token) headers["Authorization"] = `Bearer ${user.token}`
    if (user.username) options.auth = `${user.username}:${user.password ?? ""}`
  }
}
