import type { Credential } from "./Credential.ts"
import type { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import type { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"

/** A repository on a registry, and the scheme, credential and trusted certificates for its pulls. */
export interface RegistrySource {
  readonly scheme: "https" | "http"
  readonly host: RegistryHost
  /**
   * The repository's name, or its first components. May be empty. If a request has a `path` query parameter, the path
   * is appended after a `/`.
   */
  readonly repositoryPrefix: PathComponents
  readonly credential: Credential
  /** PEM certificates that are trusted in addition to the system's. If undefined, only the system's are trusted. */
  readonly ca: string | undefined
  /**
   * The name of the Kubernetes object that the source was read from, for messages. Has the kind, the namespace (if any)
   * and the name, such as `Secret d8-system/deckhouse-registry`.
   */
  readonly sourceObject: string
}
