import type { Cluster, User } from "@kubernetes/client-node/dist/config_types.js"
import { ExecAuth } from "@kubernetes/client-node/dist/exec_auth.js"
import { FileAuth } from "@kubernetes/client-node/dist/file_auth.js"
import type { RequestOptions } from "node:https"

const { readFileSync } = process.getBuiltinModule("node:fs")

/** The credentials of a kubeconfig's current context. */
export interface KubeCredentials {
  /**
   * Returns the options of an authenticated request. Reads the files that the kubeconfig names. Runs the exec plugin if
   * its credentials are missing or have expired.
   */
  readonly requestOptions: () => Promise<RequestOptions>
}

/** Returns the content of `file` if `file` is set, else the decoded base64 `data`. Undefined if neither is set. */
const contentOf = (file: string | null | undefined, data: string | null | undefined): Buffer | undefined => {
  if (file) return readFileSync(file)
  return data ? Buffer.from(data, "base64") : undefined
}

/**
 * Makes the credentials for a cluster and a user of a kubeconfig. Uses client-node's modules for exec plugins and token
 * files. Does not use client-node's `KubeConfig`, because it imports all API clients, three HTTP stacks and a YAML
 * parser.
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
