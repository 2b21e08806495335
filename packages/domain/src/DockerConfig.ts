import { Predicate, Redacted, Result, Schema } from "effect"
import * as Base64Text from "@registry-packages-proxy/oci/Base64Text"
import { anonymous, type BasicCredential, type Credential } from "./Credential.ts"

/** The fields of an entry, in lowercase. Every field is text. A missing or null field counts as empty. */
const entryFields = ["auth", "username", "password", "identitytoken", "registrytoken"] as const
type Entry = Record<(typeof entryFields)[number], string>

/**
 * A docker config.json. Entries are decoded when they are used, so that a malformed entry affects only its own
 * repositories.
 */
export interface DockerConfig {
  /** The entries by key, not decoded yet. Undefined if the config has no `auths`. */
  readonly auths: Readonly<Record<string, unknown>> | undefined
  /** True if the entries are at the top level instead of under `auths`, as in the older `.dockercfg`. */
  readonly isLegacy: boolean
  /**
   * True if the config names credential helpers (`credsStore`, `credHelpers`). registry-packages-proxy does not run
   * them.
   */
  readonly usesCredentialHelpers: boolean
}

/** The docker config, or the entry for a registry, is malformed. The error contains no value of the config. */
export class DockerConfigError extends Schema.TaggedError<DockerConfigError>()("DockerConfigError", {
  /** A sentence about the config, such as `it is not a docker config.json`. */
  detail: Schema.String
}) {
  override get message(): string {
    return `the docker config cannot be used: ${this.detail}`
  }
}

const fail = (detail: string): Result.Result<never, DockerConfigError> =>
  Result.fail(new DockerConfigError({ detail }))

const decodeJson = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))

/**
 * Returns the fields of `object` whose names are in `names`. Compares names case-insensitively, as the Go programs that
 * read docker configs do. `names` must be in lowercase.
 */
const pickIgnoringCase = <const Name extends string>(
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

/** True if a value is an entry with `auth`, or with `username` and `password`. */
const isLogin = (value: unknown): boolean => {
  if (!Predicate.isObject(value)) return false
  const { auth, password, username } = pickIgnoringCase(value, ["auth", "username", "password"])
  return typeof auth === "string" || (typeof username === "string" && typeof password === "string")
}

/**
 * The maximum number of top-level values that `parse` checks. If there is no `auths` and one of these values is a
 * login, the config has the legacy layout.
 */
const maxLegacyEntries = 100

/** Parses the text of a docker config.json. Fails if the text or its `auths` is not a JSON object. */
export const parse = (json: string): Result.Result<DockerConfig, DockerConfigError> => {
  const document = decodeJson(json)
  const notConfig = "it is not a docker config.json (a JSON object with `auths`)"
  if (Result.isFailure(document) || !Predicate.isObject(document.success)) return fail(notConfig)
  const config = document.success
  const {
    auths = null,
    credhelpers,
    credsstore
  } = pickIgnoringCase(config, ["auths", "credhelpers", "credsstore"])
  if (auths !== null && !Predicate.isObject(auths)) return fail(notConfig)
  return Result.succeed({
    auths: auths ?? undefined,
    isLegacy:
      auths === null &&
      Object.keys(config)
        .slice(0, maxLegacyEntries)
        .some((key) => isLogin(config[key])),
    usesCredentialHelpers: Predicate.isNotNullish(credsstore) || Predicate.isNotNullish(credhelpers)
  })
}

// Old versions of docker wrote NUL characters around a password. Docker removes them when it reads the password.
const trimNuls = (password: string): string => {
  let start = 0
  let end = password.length
  while (password[start] === "\0") start++
  while (end > start && password[end - 1] === "\0") end--
  return password.slice(start, end)
}

const basic = (username: string, password: string): BasicCredential => ({
  _tag: "Basic",
  username,
  password: Redacted.make(trimNuls(password))
})

const fromAuth = (auth: string): Result.Result<Credential, DockerConfigError> => {
  // A password that is not UTF-8 is refused, since decoding would change it.
  const pair = Result.getOrElse(Base64Text.decode(auth), () => "")
  if (pair === ":") return Result.succeed(anonymous)
  const colon = pair.indexOf(":")
  return colon <= 0
    ? fail("an `auth` is not base64 of username:password")
    : Result.succeed(basic(pair.slice(0, colon), pair.slice(colon + 1)))
}

/** The username of a login whose password is an identity token. Source: docker's credential helper protocol. */
const identityTokenUsername = "<token>"

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
    beside._tag === "Basic" &&
    beside.username !== identityTokenUsername &&
    Redacted.value(beside.password) !== ""
  return Result.succeed({
    _tag: "IdentityToken",
    token: Redacted.make(entry.identitytoken),
    ...(hasLogin ? { login: beside } : {})
  })
}

/** Returns the fields of an entry. Undefined if one of them is not text. */
const readEntry = (entry: Readonly<Record<string, unknown>>): Entry | undefined => {
  const fields = pickIgnoringCase(entry, entryFields)
  const read: Entry = { auth: "", username: "", password: "", identitytoken: "", registrytoken: "" }
  for (const name of entryFields) {
    const value = fields[name] ?? ""
    if (typeof value !== "string") return undefined
    read[name] = value
  }
  return read
}

/**
 * Returns the credential of one entry. As in docker, the order of precedence is: `registrytoken`, `identitytoken`,
 * `auth`, then `username` with `password`. An entry without any of them is anonymous. Fails if a field is not text.
 * Also fails if `auth` is malformed, unless the entry has a token.
 */
export const credentialOf = (entry: unknown): Result.Result<Credential, DockerConfigError> => {
  if (Predicate.isNullish(entry)) return Result.succeed(anonymous)
  const read = Predicate.isObject(entry) ? readEntry(entry) : undefined
  return read === undefined
    ? fail(
        "the entry of this registry is not an object whose fields `auth`, `username`, `password` and tokens are text"
      )
    : fromEntry(read)
}
