import { Predicate, Redacted, Result, Schema } from "effect"
import * as Base64Text from "@registry-packages-proxy/oci/Base64Text"
import { anonymous, type BasicCredential, type Credential } from "./Credential.ts"

/** What an entry may hold, by its fields' names in lowercase; all are text, absent, null or empty alike. */
const entryFields = ["auth", "username", "password", "identitytoken", "registrytoken"] as const
type Entry = Record<(typeof entryFields)[number], string>

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

/** The fields that are looked for, whatever the case of their letters, as Go has it, which reads these files elsewhere. */
const pick = <const Name extends string>(
  object: Readonly<Record<string, unknown>>,
  names: ReadonlyArray<Name>
): { readonly [N in Name]?: unknown } => {
  const found: { [N in Name]?: unknown } = {}
  for (const key of Object.keys(object)) {
    const name = names.find((name) => name.length === key.length && name === key.toLowerCase())
    if (name !== undefined) found[name] = object[key]
  }
  return found
}

/** Whether a value is an entry with a login in it. */
const isLogin = (value: unknown): boolean => {
  if (!Predicate.isObject(value)) return false
  const { auth, password, username } = pick(value, ["auth", "username", "password"])
  return typeof auth === "string" || (typeof username === "string" && typeof password === "string")
}

/** How many values are looked at to tell a config of the old shape. */
const maxLookedAt = 100

/** Reads a config.json's text. */
export const parse = (json: string): Result.Result<DockerConfig, DockerConfigError> => {
  const document = decodeJson(json)
  const notConfig = "it is not a docker config.json (a JSON object with `auths`)"
  if (Result.isFailure(document) || !Predicate.isObject(document.success)) return fail(notConfig)
  const config = document.success
  const { auths = null, credhelpers, credsstore } = pick(config, ["auths", "credhelpers", "credsstore"])
  if (auths !== null && !Predicate.isObject(auths)) return fail(notConfig)
  return Result.succeed({
    auths: auths ?? undefined,
    isLegacy:
      auths === null &&
      Object.keys(config)
        .slice(0, maxLookedAt)
        .some((key) => isLogin(config[key])),
    usesHelpers: Predicate.isNotNullish(credsstore) || Predicate.isNotNullish(credhelpers)
  })
}

// Docker drops the zeros that older versions of it wrote around a password.
const withoutZeros = (password: string): string => {
  let start = 0
  let end = password.length
  while (password[start] === "\0") start++
  while (end > start && password[end - 1] === "\0") end--
  return password.slice(start, end)
}

const basic = (username: string, password: string): BasicCredential => ({
  _tag: "Basic",
  username,
  password: Redacted.make(withoutZeros(password))
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

const fromEntry = (entry: Entry): Result.Result<Credential, DockerConfigError> => {
  if (entry.registrytoken !== "") {
    return Result.succeed({ _tag: "RegistryToken", token: Redacted.make(entry.registrytoken) })
  }
  const login =
    entry.auth !== ""
      ? fromAuth(entry.auth)
      : Result.succeed(entry.username === "" ? anonymous : basic(entry.username, entry.password))
  if (entry.identitytoken === "") return login
  const beside = Result.getOrElse(login, () => anonymous)
  const hasLogin =
    beside._tag === "Basic" && beside.username !== tokenName && Redacted.value(beside.password) !== ""
  return Result.succeed({
    _tag: "IdentityToken",
    token: Redacted.make(entry.identitytoken),
    ...(hasLogin ? { login: beside } : {})
  })
}

/** An entry's fields; undefined where one of them is no text. */
const readEntry = (entry: Readonly<Record<string, unknown>>): Entry | undefined => {
  const fields = pick(entry, entryFields)
  const read: Entry = { auth: "", username: "", password: "", identitytoken: "", registrytoken: "" }
  for (const name of entryFields) {
    const value = fields[name] ?? ""
    if (typeof value !== "string") return undefined
    read[name] = value
  }
  return read
}

/**
 * The credential of one entry: a `registrytoken` goes before an `identitytoken`, that before `auth`, that before
 * `username` and `password`, as docker has it. An entry that holds none of them is anonymous.
 */
export const credentialOf = (entry: unknown): Result.Result<Credential, DockerConfigError> => {
  if (Predicate.isNullish(entry)) return Result.succeed(anonymous)
  const read = Predicate.isObject(entry) ? readEntry(entry) : undefined
  return read === undefined
    ? fail("the entry of this registry is not of the expected shape")
    : fromEntry(read)
}
