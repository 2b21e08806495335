import {
  list,
  type Login,
  moduleSource,
  registrySecret
} from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import { Effect, FileSystem } from "effect"

/** What the program is to know of one registry. */
export interface Known {
  readonly host: string
  readonly login: Login
  readonly ca?: string
}

/** The path of the cluster's own repository, named in the Secret. */
export const clusterPath = "sys/deckhouse"
/** The ModuleSource's repository on its host. */
export const modulesPath = "modules"

/** Writes a credentials file with the cluster's Secret and a ModuleSource, renamed into place as an editor would. */
export const write = Effect.fnUntraced(function* (file: string, { ca, host, login }: Known) {
  const fs = yield* FileSystem.FileSystem
  const trust = ca === undefined ? {} : { ca }
  const objects = list([
    registrySecret({ address: host, path: `/${clusterPath}`, scheme: "https", login, ...trust }),
    moduleSource({ name: "e2e", repo: `${host}/${modulesPath}`, scheme: "HTTPS", login, ...trust })
  ])
  yield* fs.writeFileString(`${file}.new`, JSON.stringify(objects), { mode: 0o600 })
  yield* fs.rename(`${file}.new`, file)
})
