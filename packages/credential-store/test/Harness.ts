import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import type { CredentialError } from "@registry-packages-proxy/credential-store/CredentialError"
import type { RegistrySource } from "@registry-packages-proxy/oci/RegistrySource"
import { RepositoryKey } from "@registry-packages-proxy/oci/RepositoryKey"
import { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import { Effect, Layer, Logger, Option, References } from "effect"

export const keyOf = (repository: string): Option.Option<RepositoryKey> =>
  repository === "" ? Option.none() : Option.some(RepositoryKey.make(repository))

export const get = (
  repository: string,
  path = ""
): Effect.Effect<RegistrySource, CredentialError, CredentialStore> =>
  CredentialStore.use((store) => store.get(keyOf(repository), PathComponents.make(path)))

/** The origin of what serves a repository, or the tag of the reason why nothing does. */
export const answer = (repository: string): Effect.Effect<string, never, CredentialStore> =>
  get(repository).pipe(
    Effect.map((source) => source.origin),
    Effect.catch((error) => Effect.succeed(error.reason._tag))
  )

export const status = Effect.flatMap(CredentialStore, (store) => store.status)

/** Log lines as `LEVEL text`, from debug on. */
export interface CapturedLog {
  readonly lines: Array<string>
  readonly layer: Layer.Layer<never>
  /** Lines that contain every one of the words. */
  readonly matching: (...words: ReadonlyArray<string>) => ReadonlyArray<string>
}

export const captureLog = (): CapturedLog => {
  const lines: Array<string> = []
  const logger = Logger.make(({ cause, logLevel, message }) => {
    lines.push(`${logLevel} ${[message].flat().map(String).join(" ")} ${JSON.stringify(cause)}`)
  })
  return {
    lines,
    layer: Layer.merge(Logger.layer([logger]), Layer.succeed(References.MinimumLogLevel, "All")),
    matching: (...words) => lines.filter((line) => words.every((word) => line.includes(word)))
  }
}
