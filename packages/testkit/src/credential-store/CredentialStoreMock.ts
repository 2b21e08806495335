import {
  CredentialError,
  NotSynced,
  UnknownRepository,
  Unreadable
} from "@registry-packages-proxy/credential-store/CredentialError"
import {
  type CredentialStatus,
  CredentialStore
} from "@registry-packages-proxy/credential-store/CredentialStore"
import type { AwaitedObjects } from "@registry-packages-proxy/credential-store/feeds/Feed"
import { anonymous, type Credential } from "@registry-packages-proxy/domain/Credential"
import { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import { Effect, Layer, Option } from "effect"

/**
 * A registry source with other credentials for some paths below the repository. The mock's `get` returns the credential
 * of the longest path in `paths` that contains the requested path. If no path contains it, `get` returns `credential`.
 */
export interface MockRegistrySource extends RegistrySource {
  readonly paths?: Readonly<Record<string, Credential>>
}

/** The contents and the status of the mock. If only `sources` is set, the mock is synced and up to date. */
export interface CredentialStoreMockOptions {
  /** Registry sources by repository (`host[:port]/name`). The empty string is the key of the cluster's own registry. */
  readonly sources: Readonly<Record<string, MockRegistrySource>>
  /** Objects that the store cannot decode, by repository. For these repositories, `get` fails with `Unreadable`. */
  readonly unreadable?: Readonly<Record<string, { readonly sourceObject: string; readonly detail: string }>>
  /** The objects that feeds have not delivered yet, such as `module-sources`. Default: none. */
  readonly waitingFor?: ReadonlyArray<AwaitedObjects>
  readonly upToDate?: boolean
  /** The time of the last sync, in milliseconds since the epoch. Default: 0. */
  readonly lastSync?: number
}

/** Provides a CredentialStore with exactly these contents. They never change. */
export const layer = (options: CredentialStoreMockOptions): Layer.Layer<CredentialStore> =>
  Layer.succeed(CredentialStore, CredentialStore.of(make(options)))

const at = ({ paths = {}, ...source }: MockRegistrySource, path: string): RegistrySource => {
  const [longest] = Object.keys(paths)
    .filter((one) => `${path}/`.startsWith(`${one}/`))
    .sort((one, other) => other.length - one.length)
  return { ...source, credential: (longest === undefined ? undefined : paths[longest]) ?? source.credential }
}

const make = ({
  lastSync = 0,
  sources,
  unreadable = {},
  upToDate = true,
  waitingFor = []
}: CredentialStoreMockOptions) => {
  const status: CredentialStatus = {
    synced: waitingFor.length === 0,
    waitingFor,
    upToDate: upToDate && waitingFor.length === 0,
    sources: Object.keys(sources).length,
    lastSync: waitingFor.length === 0 ? Option.some(lastSync) : Option.none()
  }
  const get: CredentialStore["Service"]["get"] = (repository, path) =>
    Effect.suspend(() => {
      const key: string = Option.getOrElse(repository, () => "")
      const source = Object.hasOwn(sources, key) ? sources[key] : undefined
      if (source !== undefined) return Effect.succeed(at(source, path))
      const broken = Object.hasOwn(unreadable, key) ? unreadable[key] : undefined
      if (broken !== undefined) return new CredentialError({ reason: new Unreadable(broken) })
      return new CredentialError({
        reason: status.synced
          ? new UnknownRepository({ repository, upToDate: status.upToDate })
          : new NotSynced({ waitingFor })
      })
    })
  return { get, status: Effect.succeed(status) }
}

/**
 * Makes a registry source. By default, it uses HTTPS without credentials, and trusts only the system's CA certificates.
 */
export const registrySource = (
  options: Partial<Omit<RegistrySource, "host" | "repositoryPrefix">> & {
    readonly host: string
    readonly repositoryPrefix?: string
  }
): RegistrySource => ({
  scheme: "https",
  credential: anonymous,
  ca: undefined,
  sourceObject: "test",
  ...options,
  host: RegistryHost.make(options.host),
  repositoryPrefix: PathComponents.make(options.repositoryPrefix ?? "")
})
