import type { Cluster, User } from "@kubernetes/client-node/dist/config_types.js"
import { ExecAuth } from "@kubernetes/client-node/dist/exec_auth.js"
import { FileAuth } from "@kubernetes/client-node/dist/file_auth.js"
import type { RequestOptions } from "node:https"

const { readFileSync } = process.getBuiltinModule("node:fs")

/** The cluster and the user of a kubeconfig's current context, and what client-node keeps of them between requests. */
export interface KubeCredentials {
  /** What a request is made and authenticated with now: reads the files that are named, runs an exec plugin when it is time. */
  readonly requestOptions: () => Promise<RequestOptions>
}

/** The content of `file`, which goes before `data` in base64. */
const contentOf = (file: string | null | undefined, data: string | null | undefined): Buffer | undefined => {
  if (file) return readFileSync(file)
  return data ? Buffer.from(data, "base64") : undefined
}

/**
 * Authenticates with client-node's modules that do so. Its KubeConfig, which would choose between them, imports clients of all
 * of Kubernetes' API, three HTTP stacks and a YAML parser of its own.
 */
export const make = (cluster: Cluster, user: User): KubeCredentials => {
  const authenticators = [new ExecAuth(), new FileAuth()]
  const authenticator = authenticators.find((authenticator) => authenticator.isAuthProvider(user))
  return {
    requestOptions: async () => {
      const headers: Record<string, string> = {}
      const options: RequestOptions = {
        headers,
        ca: contentOf(cluster.caFile, cluster.caData),
        cert: contentOf(user.certFile, user.certData),
        key: contentOf(user.keyFile, user.keyData)
      }
      if (cluster.skipTLSVerify) options.rejectUnauthorized = false
      if (cluster.tlsServerName) options.servername = cluster.tlsServerName
      if (user.impersonateUser) headers["Impersonate-User"] = user.impersonateUser
      await authenticator?.applyAuthentication(user, options)
      if (user.token) headers["Authorization"] = `Bearer ${user.token}`
      if (user.username) options.auth = `${user.username}:${user.password ?? ""}`
      return options
    }
  }
}
