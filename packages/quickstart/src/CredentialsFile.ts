import type { Account } from "@registry-packages-proxy/testkit/registry/RegistryAuth"
import { Base64 } from "effect/encoding"
import { dump } from "js-yaml"

/** What the credentials file is to say. */
export interface Credentials {
  readonly host: string
  readonly account: Account
  readonly clusterPath: string
  readonly moduleRepo: string
}

const comment =
  " The objects a cluster holds: the program reads them from the API server there, from this file here."

const dockerConfig = (host: string, { password, username }: Account): string =>
  JSON.stringify({ auths: { [host]: { auth: Base64.encode(`${username}:${password}`) } } })

/** The credentials file's text: the cluster's registry Secret and a ModuleSource, as `kubectl get -o yaml` has them. */
export const render = ({ account, clusterPath, host, moduleRepo }: Credentials): string => {
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "deckhouse-registry", namespace: "d8-system" },
    type: "kubernetes.io/dockerconfigjson",
    data: {
      address: Base64.encode(host),
      path: Base64.encode(`/${clusterPath}`),
      scheme: Base64.encode("http"),
      ".dockerconfigjson": Base64.encode(dockerConfig(host, account))
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
        dockerCfg: Base64.encode(dockerConfig(host, account))
      }
    }
  }
  const documents = [secret, moduleSource].map((object) => dump(object, { lineWidth: -1 }))
  return `#${comment}\n${documents.join("---\n")}`
}

/** The file as it is shown: a login's base64 is cut short, since it holds the password. */
export const elide = (text: string): ReadonlyArray<string> =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/(dockerCfg|\.dockerconfigjson): (\S{12})\S*$/, "$1: $2..."))
