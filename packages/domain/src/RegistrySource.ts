import type { Credential } from "./Credential.ts"
import type { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import type { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"

/** A repository on a registry, and the scheme, credential and trusted certificates for its pulls. */
export interface RegistrySource {
  readonly scheme: "https" | "http"
  readonly host: RegistryHost
  /** The repository's name, to which a request's `path` is appended; may be empty. */
  readonly base: PathComponents
  readonly credential: Credential
  /** PEM certificates to trust in addition to the system's; undefined to trust only the system's. */
  readonly ca: string | undefined
  /**
   * The Kubernetes object that the source was read from, for messages, such as `Secret d8-system/deckhouse-registry`.
   */
  readonly origin: string
}
