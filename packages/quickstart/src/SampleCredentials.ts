import type { BasicCredentials } from "@registry-packages-proxy/testkit/wire/BasicCredentials"
import { Base64 } from "effect/encoding"
import { dump } from "js-yaml"

/** The registry, credentials and repositories that the credentials file describes. */
export interface CredentialsFileContents {
  readonly host: string
  readonly credentials: BasicCredentials
  readonly clusterPath: string
  readonly moduleRepo: string
}

const comment =
  " The same objects as in a cluster, where the program reads them from the API server instead of this file."

const dockerConfig = (host: string, { password, username }: BasicCredentials): string =>
  JSON.stringify({ auths: { [host]: { auth: Base64.encode(`${username}:${password}`) } } })

/**
 * Returns the text of a credentials file. It contains the cluster's registry Secret and a ModuleSource, in the YAML
 * that `kubectl get -o yaml` prints.
 */
export const render = ({ credentials, clusterPath, host, moduleRepo }: CredentialsFileContents): string => {
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "deckhouse-registry", namespace: "d8-system" },
    type: "kubernetes.io/dockerconfigjson",
    data: {
      address: Base64.encode(host),
      path: Base64.encode(`/${clusterPath}`),
      scheme: Base64.encode("http"),
      ".dockerconfigjson": Base64.encode(dockerConfig(host, credentials))
    }
  }
  const moduleSource = {
    apiVersion: "deckhouse.io/v1alpha1",
    kind: "ModuleSource",
    metadata: { name: "samples" },
    spec: {
      registry: {
        repo: moduleRepo,
        scheme: "HTTP",
        dockerCfg: Base64.encode(dockerConfig(host, credentials))
      }
    }
  }
  const documents = [secret, moduleSource].map((object) => dump(object, { lineWidth: -1 }))
  return `#${comment}\n${documents.join("---\n")}`
}

/**
 * Returns the lines of a credentials file, without passwords. Each base64 value that contains a password is cut after
 * 12 characters.
 */
export const linesWithoutPasswords = (text: string): ReadonlyArray<string> =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/(dockerCfg|\.dockerconfigjson): (\S{12})\S*$/, "$1: $2..."))
