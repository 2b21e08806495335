import { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import { parsePath } from "@registry-packages-proxy/oci/RepositoryName"
import { Option, Result, Schema } from "effect"
import { trusted } from "../internal/kinds/Certificates.ts"
import { base64Text, invalid, scheme, shapeError, Text } from "../internal/kinds/Fields.ts"
import { fromDockerConfig, joined, type StoredSource } from "../internal/kinds/StoredSource.ts"
import type { ObjectError } from "../internal/kinds/ObjectError.ts"

export const apiVersion = "v1"
export const kind = "Secret"
export const namespace = "d8-system"
export const name = "deckhouse-registry"

const Values = Schema.Struct({
  address: Text,
  path: Text,
  scheme: Text,
  ca: Text,
  ".dockerconfigjson": Text
})
const OptionalValues = Schema.optionalKey(Schema.NullOr(Values))

/** What is read in `data` and `stringData`. */
export const fields: ReadonlyArray<string> = Object.keys(Values.fields)

const decodeShape = Schema.decodeUnknownResult(
  Schema.Struct({ data: OptionalValues, stringData: OptionalValues })
)
const decodeHost = Schema.decodeUnknownOption(RegistryHost)

type Key = keyof typeof Values.fields

/**
 * Reads the Secret `d8-system/deckhouse-registry`, the cluster's own registry: `address` (host, with or without port; a
 * slash at its end does not matter), `path` (with or without slashes around it, may be absent), `scheme` (any case, https
 * where absent), `ca` (PEM) and `.dockerconfigjson` (absent for anonymous), in `data` as base64 or in `stringData`, which
 * wins as it does in Kubernetes. Line breaks around address, path and scheme do not matter.
 */
export const decode = (
  object: unknown,
  origin: string,
  previous?: Pick<StoredSource, "ca">
): Result.Result<StoredSource, ObjectError> =>
  Result.gen(function* () {
    const { data, stringData } = yield* Result.mapError(decodeShape(object), shapeError)
    const text = (key: Key): Result.Result<string, ObjectError> => {
      const plain = stringData?.[key]
      return typeof plain === "string" ? Result.succeed(plain) : base64Text(data?.[key] ?? "", `data[${key}]`)
    }
    const address = (yield* text("address")).trim().replace(/\/$/, "")
    if (address === "") return yield* invalid("address is missing")
    const host = decodeHost(address)
    if (Option.isNone(host)) return yield* invalid("address is not host[:port]")
    const base = parsePath((yield* text("path")).trim())
    if (Option.isNone(base)) return yield* invalid("path is not a repository path")
    const config = yield* text(".dockerconfigjson")
    const { keyring, warning } = yield* fromDockerConfig(config, host.value, base.value, ".dockerconfigjson")
    const trust = yield* trusted(yield* text("ca"), "ca", previous?.ca)
    return {
      scheme: yield* scheme(yield* text("scheme"), "scheme"),
      host: host.value,
      base: base.value,
      keyring,
      ca: trust.ca,
      warning: joined(warning, trust.warning),
      origin
    }
  })
