import { parse as parseKey, type RepositoryKey, split } from "@registry-packages-proxy/domain/RepositoryKey"
import { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import { Option, Result, Schema } from "effect"
import { trusted } from "../internal/kinds/Certificates.ts"
import { base64Text, invalid, scheme, shapeError, Text } from "../internal/kinds/Fields.ts"
import { fromDockerConfig, joined, type StoredSource } from "../internal/kinds/StoredSource.ts"
import type { ObjectError } from "../internal/kinds/ObjectError.ts"

export const apiVersion = "deckhouse.io/v1alpha1"
export const kind = "ModuleSource"

const Registry = Schema.Struct({ repo: Schema.String, scheme: Text, dockerCfg: Text, ca: Text })

/** What is read below `spec.registry`. */
export const fields: ReadonlyArray<string> = Object.keys(Registry.fields)

const decodeShape = Schema.decodeUnknownResult(Schema.Struct({ spec: Schema.Struct({ registry: Registry }) }))
const decodeRepository = Schema.decodeUnknownOption(
  Schema.Struct({ spec: Schema.Struct({ registry: Schema.Struct({ repo: Schema.String }) }) })
)

/** The repository an object claims, also where the rest of it cannot be read. */
export const repository = (object: unknown): Option.Option<RepositoryKey> =>
  Option.flatMap(decodeRepository(object), ({ spec }) => parseKey(spec.registry.repo))

/**
 * Reads a ModuleSource (`deckhouse.io/v1alpha1`, cluster-scoped): `spec.registry.repo`, `.scheme` (HTTP or HTTPS in
 * any case, HTTPS where absent), `.dockerCfg` (base64 of a docker config.json, absent or empty for anonymous) and
 * `.ca` (PEM, absent or empty for the system's). Slashes at the repo's end do not matter. Every other field is tolerated. `previous` is what was
 * read from the object before, if it was.
 */
export const decode = (
  object: unknown,
  origin: string,
  previous?: Pick<StoredSource, "ca">
): Result.Result<{ readonly key: RepositoryKey; readonly source: StoredSource }, ObjectError> =>
  Result.gen(function* () {
    const {
      spec: { registry }
    } = yield* Result.mapError(decodeShape(object), shapeError)
    const key = parseKey(registry.repo)
    if (Option.isNone(key)) return yield* invalid("spec.registry.repo is not host[:port]/name")
    const { host, name } = split(key.value)
    const config = yield* base64Text(registry.dockerCfg ?? "", "spec.registry.dockerCfg")
    const base = PathComponents.make(name)
    const { keyring, warning } = yield* fromDockerConfig(config, host, base, "spec.registry.dockerCfg")
    const trust = yield* trusted(registry.ca, "spec.registry.ca", previous?.ca)
    const source: StoredSource = {
      scheme: yield* scheme(registry.scheme, "spec.registry.scheme"),
      host,
      base,
      keyring,
      ca: trust.ca,
      warning: joined(warning, trust.warning),
      origin
    }
    return { key: key.value, source }
  })
