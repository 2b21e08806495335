import type { RegistrySource } from "@registry-packages-proxy/oci/RegistrySource"
import type { RepositoryKey } from "@registry-packages-proxy/oci/RepositoryKey"
import { Context, type Effect, type Option } from "effect"
import type { CredentialError } from "./CredentialError.ts"

/** What the store knows, for /readyz, metrics and logs. Holds no secret. */
export interface CredentialStatus {
  /** Every feed has delivered its objects once: what is not known now does not exist. */
  readonly synced: boolean
  /** The feeds not yet heard of, in fixed words. */
  readonly waitingFor: ReadonlyArray<string>
  /** Every feed is in touch with its origin now, so an unknown repository is known not to exist. */
  readonly upToDate: boolean
  /** How many registry sources can be asked for. */
  readonly sources: number
  /** When a feed last delivered, in milliseconds since the epoch. */
  readonly lastSync: Option.Option<number>
}

/** Which registry serves a repository, and with what credentials. */
export class CredentialStore extends Context.Service<
  CredentialStore,
  {
    /**
     * The source of a ModuleSource's repository, or, for none, of the cluster's own registry. Always the newest known:
     * ask anew for each pull.
     */
    readonly get: (repository: Option.Option<RepositoryKey>) => Effect.Effect<RegistrySource, CredentialError>
    readonly status: Effect.Effect<CredentialStatus>
  }
>()("@registry-packages-proxy/credential-store/CredentialStore") {}
