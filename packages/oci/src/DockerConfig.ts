import { Predicate, Redacted, Result, Schema } from "effect"
import * as Base64Text from "./Base64Text.ts"
import { anonymous, type BasicCredential, type Credential } from "./Credential.ts"

const text = Schema.optionalKey(Schema.NullOr(Schema.String))

const Entry = Schema.Struct({
  auth: text,
  username: text,
  password: text,
  identitytoken: text,
  registrytoken: text
})

/** A docker config.json; entries are decoded only when asked for, so that a broken one hurts no other registry. */
export interface DockerConfig {
  /** By registry as people write it, see {@link Keyring}; undefined where the config has no `auths`. */
  readonly auths: Readonly<Record<string, unknown>> | undefined
  /** What should stand under `auths` stands at the top, as in a `.dockercfg` of old. */
  readonly isLegacy: boolean
  /** It names programs that keep passwords (`credsStore`, `credHelpers`), which are not asked. */
  readonly usesHelpers: boolean
}

/** Why a docker config gives no credential; never holds any part of the config's values. */
export class DockerConfigError extends Schema.TaggedError<DockerConfigError>()("DockerConfigError", {
  detail: Schema.String
}) {}

const fail = (detail: string): Result.Result<never, DockerConfigError> =>
  Result.fail(new DockerConfigError({ detail }))

const decodeJson = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))
const decodeEntry = Schema.decodeUnknownResult(Entry)

/** An object's fields by their names in lowercase, since Go, which reads these files elsewhere, ignores case. */
const fieldsOf = (object: object): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key.toLowerCase(), value]))

const looksLikeEntry = (value: unknown): boolean => {
  if (!Predicate.isObject(value)) return false
  const fields = fieldsOf(value)
  return "auth" in fields || ("username" in fields && "password" in fields)
}

/** Reads a config.json's text. */
export const parse = (json: string): Result.Result<DockerConfig, DockerConfigError> => {
  const document = decodeJson(json)
  const notConfig = "it is not a docker config.json (a JSON object with `auths`)"
  if (Result.isFailure(document) || !Predicate.isObject(document.success)) return fail(notConfig)
  const { auths = null, credhelpers, credsstore } = fieldsOf(document.success)
  if (auths !== null && !Predicate.isObject(auths)) return fail(notConfig)
  return Result.succeed({
    auths: auths === null ? undefined : (auths as Readonly<Record<string, unknown>>),
    isLegacy: auths === null && Object.values(document.success).some(looksLikeEntry),
    usesHelpers: Predicate.isNotNullish(credsstore) || Predicate.isNotNullish(credhelpers)
  })
}

const isSet = (value: string | null | undefined): value is string => typeof value === "string" && value !== ""

// Docker drops the padding that older versions of it wrote behind a password.
const basic = (username: string, password: string): BasicCredential => ({
  _tag: "Basic",
  username,
  password: Redacted.make(password.replace(/^\0+|\0+$/g, ""))
})

const fromAuth = (auth: string): Result.Result<Credential, DockerConfigError> => {
  // A password that is not UTF-8 would be sent as another one, so it is refused.
  const pair = Result.getOrElse(Base64Text.decode(auth), () => "")
  if (pair === ":") return Result.succeed(anonymous)
  const colon = pair.indexOf(":")
  return colon <= 0
    ? fail("an `auth` is not base64 of username:password")
    : Result.succeed(basic(pair.slice(0, colon), pair.slice(colon + 1)))
}

/** A name that says that the password is an identity token. Source: docker's credential helper protocol. */
const tokenName = "<token>"

const fromEntry = (entry: typeof Entry.Type): Result.Result<Credential, DockerConfigError> => {
  if (isSet(entry.registrytoken)) {
    return Result.succeed({ _tag: "RegistryToken", token: Redacted.make(entry.registrytoken) })
  }
  const login = isSet(entry.auth)
    ? fromAuth(entry.auth)
    : Result.succeed(isSet(entry.username) ? basic(entry.username, entry.password ?? "") : anonymous)
  if (!isSet(entry.identitytoken)) return login
  const beside = Result.getOrElse(login, () => anonymous)
  const hasLogin =
    beside._tag === "Basic" && beside.username !== tokenName && Redacted.value(beside.password) !== ""
  return Result.succeed({
    _tag: "IdentityToken",
    token: Redacted.make(entry.identitytoken),
    ...(hasLogin ? { login: beside } : {})
  })
}

/**
 * The credential of one entry: a `registrytoken` goes before an `identitytoken`, that before `auth`, that before
 * `username` and `password`, as docker has it. An entry that holds none of them is anonymous.
 */
export const credentialOf = (entry: unknown): Result.Result<Credential, DockerConfigError> => {
  if (Predicate.isNullish(entry)) return Result.succeed(anonymous)
  const decoded = Predicate.isObject(entry) ? decodeEntry(fieldsOf(entry)) : undefined
  return decoded === undefined || Result.isFailure(decoded)
    ? fail("the entry of this registry is not of the expected shape")
    : fromEntry(decoded.success)
}
