import { Option, Redacted, Result, Schema } from "effect"
import { anonymous, type Credential } from "./Credential.ts"
import type { RegistryHost } from "./RegistryHost.ts"

const text = Schema.optionalKey(Schema.NullOr(Schema.String))

const Entry = Schema.Struct({
  auth: text,
  username: text,
  password: text,
  identitytoken: text,
  registrytoken: text
})

/** A docker config.json; entries are decoded only when asked for, so one broken entry hurts no other host. */
export const DockerConfig = Schema.Struct({
  auths: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown)))
})
export type DockerConfig = typeof DockerConfig.Type

/** Why a docker config gives no credential; never holds any part of the config's values. */
export class DockerConfigError extends Schema.TaggedError<DockerConfigError>()("DockerConfigError", {
  detail: Schema.String
}) {}

const decodeJson = Schema.decodeUnknownResult(Schema.fromJsonString(DockerConfig))
const decodeEntry = Schema.decodeUnknownResult(Entry)
const decodeBase64 = Schema.decodeUnknownOption(Schema.Uint8ArrayFromBase64)

/** Reads a config.json's text. */
export const parse = (json: string): Result.Result<DockerConfig, DockerConfigError> =>
  Result.mapError(
    decodeJson(json),
    () => new DockerConfigError({ detail: "it is not a docker config.json (a JSON object with `auths`)" })
  )

// Docker keeps the login of Docker Hub under `https://index.docker.io/v1/`, whichever of its names is asked for.
const hubHosts: ReadonlySet<string> = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"])
const canonical = (host: string): string => (hubHosts.has(host) ? "index.docker.io" : host)

// Docker's own rule: scheme and path of a key do not count, the port does.
const hostOf = (key: string): string => {
  const withoutScheme = key.replace(/^https?:\/\//i, "")
  const slash = withoutScheme.indexOf("/")
  return canonical((slash === -1 ? withoutScheme : withoutScheme.slice(0, slash)).toLowerCase())
}

const isSet = (value: string | null | undefined): value is string => typeof value === "string" && value !== ""

// A password that is not UTF-8 would be sent as another one, so it is refused.
const pairOf = (encodedPair: string): string => {
  const bytes = decodeBase64(encodedPair.trim())
  if (Option.isNone(bytes)) return ""
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.value)
  } catch {
    return ""
  }
}

const fromBasic = (encodedPair: string): Result.Result<Credential, DockerConfigError> => {
  const pair = pairOf(encodedPair)
  const colon = pair.indexOf(":")
  if (colon <= 0) {
    return Result.fail(new DockerConfigError({ detail: "an `auth` is not base64 of username:password" }))
  }
  return Result.succeed({
    _tag: "Basic",
    username: pair.slice(0, colon),
    // Docker drops the padding that older versions of it wrote.
    password: Redacted.make(pair.slice(colon + 1).replace(/^\0+|\0+$/g, ""))
  })
}

const fromEntry = (entry: typeof Entry.Type): Result.Result<Credential, DockerConfigError> => {
  if (isSet(entry.registrytoken)) {
    return Result.succeed({ _tag: "RegistryToken", token: Redacted.make(entry.registrytoken) })
  }
  if (isSet(entry.identitytoken)) {
    return Result.succeed({ _tag: "IdentityToken", token: Redacted.make(entry.identitytoken) })
  }
  if (isSet(entry.auth)) return fromBasic(entry.auth)
  if (isSet(entry.username)) {
    return Result.succeed({
      _tag: "Basic",
      username: entry.username,
      password: Redacted.make(entry.password ?? "")
    })
  }
  return Result.succeed(anonymous)
}

/**
 * The credential for a registry host, matched as docker does: a key equal to the host first, then the first key that
 * is the host once scheme and path are dropped. No matching key means anonymous.
 */
export const credentialFor = (
  config: DockerConfig,
  host: RegistryHost
): Result.Result<Credential, DockerConfigError> => {
  const auths = config.auths ?? {}
  const wanted = canonical(host.toLowerCase())
  const key = Option.fromUndefinedOr(
    Object.hasOwn(auths, host) ? host : Object.keys(auths).find((key) => hostOf(key) === wanted)
  )
  if (Option.isNone(key)) return Result.succeed(anonymous)
  return Result.flatMap(
    Result.mapError(
      decodeEntry(auths[key.value]),
      () =>
        new DockerConfigError({ detail: "the entry of this registry's host is not of the expected shape" })
    ),
    fromEntry
  )
}
