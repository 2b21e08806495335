import { parse as parseKey, type RepositoryKey, split } from "@registry-packages-proxy/domain/RepositoryKey"
import { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import { Option, Predicate, Result, Schema } from "effect"
import { parseTrust } from "../internal/kinds/Certificates.ts"
import { base64Text, invalid, pick, scheme, shapeError, Text } from "../internal/kinds/ObjectFields.ts"
import { fromDockerConfig, joinWarnings, type StoredSource } from "../internal/kinds/StoredSource.ts"
import type { ObjectKind } from "./ObjectKind.ts"

const Registry = Schema.Struct({ repo: Schema.String, scheme: Text, dockerCfg: Text, ca: Text })

const decodeShape = Schema.decodeUnknownResult(Schema.Struct({ spec: Schema.Struct({ registry: Registry }) }))
const decodeRepository = Schema.decodeUnknownOption(
  Schema.Struct({ spec: Schema.Struct({ registry: Schema.Struct({ repo: Schema.String }) }) })
)

const claims = (object: unknown): RepositoryKey | undefined =>
  Option.getOrUndefined(Option.flatMap(decodeRepository(object), ({ spec }) => parseKey(spec.registry.repo)))

const decode: ObjectKind["decode"] = (object, origin, previous) =>
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
    const trust = yield* parseTrust(registry.ca, "spec.registry.ca", previous?.ca)
    const source: StoredSource = {
      scheme: yield* scheme(registry.scheme, "spec.registry.scheme"),
      host,
      base,
      keyring,
      ca: trust.ca,
      warning: joinWarnings(warning, trust.warning),
      origin
    }
    return { key: key.value, source }
  })

/**
 * A registry of modules. Read from a ModuleSource: `spec.registry.repo` (trailing slashes are ignored), `.scheme` (HTTP
 * or HTTPS in any case, by default HTTPS), `.dockerCfg` (base64 of a docker config.json; absent or empty for anonymous)
 * and `.ca` (PEM; absent or empty for the system's authorities). Other fields are ignored.
 */
export const moduleSource = {
  group: "deckhouse.io",
  version: "v1alpha1",
  kind: "ModuleSource",
  plural: "modulesources",
  // The watch does not decode the objects: the store does. An invalid object thus keeps its last valid version and is
  // named in the log.
  schema: Schema.Unknown,
  isOptional: true,
  awaited: "module-sources",
  purpose: "the registries of modules",
  parts: ({ spec }) => pick(Predicate.isObject(spec) ? spec["registry"] : spec, Registry),
  claims,
  decode
} as const satisfies ObjectKind
