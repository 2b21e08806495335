import {
  kubernetesList,
  type HostCredentials,
  moduleSource,
  registrySecret
} from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import { Effect, FileSystem } from "effect"
import * as CollectedOutput from "../run/CollectedOutput.ts"

/** The address, credentials and CA of a registry for which `write` writes a credentials file. */
export interface RegistryAccess {
  readonly host: string
  readonly credentials: HostCredentials
  readonly ca?: string
}

/** The repository path in the Secret of the cluster's own registry. */
export const clusterPath = "sys/deckhouse"
/** The repository path in the ModuleSource that {@link write} writes. */
export const modulePath = "modules"

/**
 * Writes a credentials file with the Secret of the cluster's own registry and with a ModuleSource. Both refer to the
 * same registry. Replaces an existing file by a rename, so that a half-written file is never read.
 */
export const write = Effect.fnUntraced(function* (file: string, { ca, host, credentials }: RegistryAccess) {
  const fs = yield* FileSystem.FileSystem
  CollectedOutput.addSecret(`the password of ${credentials.username} at ${host}`, credentials.password)
  const trust = ca === undefined ? {} : { ca }
  const objects = kubernetesList([
    registrySecret({ address: host, path: `/${clusterPath}`, scheme: "https", credentials, ...trust }),
    moduleSource({ name: "e2e", repo: `${host}/${modulePath}`, scheme: "HTTPS", credentials, ...trust })
  ])
  yield* fs.writeFileString(`${file}.new`, JSON.stringify(objects), { mode: 0o600 })
  yield* fs.rename(`${file}.new`, file)
})
