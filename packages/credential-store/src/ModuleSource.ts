import type { RegistrySource } from "@registry-packages-proxy/oci/RegistrySource"
import { RepositoryKey, split } from "@registry-packages-proxy/oci/RepositoryKey"
import { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import { Option, Result, Schema } from "effect"
import { trusted } from "./internal/Certificates.ts"
import { fromDockerConfig } from "./internal/Credentials.ts"
import { base64Text, invalid, scheme, shapeError, Text } from "./internal/Fields.ts"
import type { ObjectError } from "./ObjectError.ts"

export const apiVersion = "deckhouse.io/v1alpha1"
export const kind = "ModuleSource"

const ModuleSource = Schema.Struct({
  spec: Schema.Struct({
    registry: Schema.Struct({ repo: Schema.String, scheme: Text, dockerCfg: Text, ca: Text })
  })
})

const decodeShape = Schema.decodeUnknownResult(ModuleSource)
const decodeKey = Schema.decodeUnknownOption(RepositoryKey)
const decodeRepository = Schema.decodeUnknownOption(
  Schema.Struct({ spec: Schema.Struct({ registry: Schema.Struct({ repo: RepositoryKey }) }) })
)

/** The repository an object claims, also where the rest of it cannot be read. */
export const repository = (object: unknown): Option.Option<RepositoryKey> =>
  Option.map(decodeRepository(object), ({ spec }) => spec.registry.repo)

/**
 * Reads a ModuleSource (`deckhouse.io/v1alpha1`, cluster-scoped): `spec.registry.repo`, `.scheme` (HTTP or HTTPS in
 * any case, HTTPS where absent), `.dockerCfg` (base64 of a docker config.json, absent or empty for anonymous) and
 * `.ca` (PEM, absent or empty for the system's). Every other field is tolerated. `previous` is what was
 * read from the object before, if it was.
 */
export const decode = (
  object: unknown,
  origin: string,
  previous?: RegistrySource
): Result.Result<
  {
    readonly key: RepositoryKey
    readonly source: RegistrySource
    /** What is odd about the object, in words that show none of its values. */
    readonly warning: string | undefined
  },
  ObjectError
> =>
  Result.gen(function* () {
    const {
      spec: { registry }
    } = yield* Result.mapError(decodeShape(object), shapeError)
    const key = decodeKey(registry.repo)
    if (Option.isNone(key)) return yield* invalid("spec.registry.repo is not host[:port]/name")
    const { host, name } = split(key.value)
    const config = yield* base64Text(registry.dockerCfg ?? "", "spec.registry.dockerCfg")
    const { ca, warning } = yield* trusted(registry.ca, "spec.registry.ca", previous?.ca)
    const source: RegistrySource = {
      scheme: yield* scheme(registry.scheme, "spec.registry.scheme"),
      host,
      base: PathComponents.make(name),
      credential: yield* fromDockerConfig(config, host, "spec.registry.dockerCfg"),
      ca,
      origin
    }
    return { key: key.value, source, warning }
  })
