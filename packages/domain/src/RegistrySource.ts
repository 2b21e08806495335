import type { Credential } from "./Credential.ts"
import type { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import type { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"

/** Where a repository's packages come from, and how to ask for them. */
export interface RegistrySource {
  readonly scheme: "https" | "http"
  readonly host: RegistryHost
  /** The repository's name on the registry; empty where only a request's `path` names one. */
  readonly base: PathComponents
  readonly credential: Credential
  /** PEM certificates to trust beside the system's; undefined for the system's alone. */
  readonly ca: string | undefined
  /** The object it was read from, for messages: `ModuleSource deckhouse`, `Secret d8-system/deckhouse-registry`. */
  readonly origin: string
}
