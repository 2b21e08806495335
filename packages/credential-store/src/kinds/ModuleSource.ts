import { parse as parseKey, type RepositoryKey, split } from "@registry-packages-proxy/domain/RepositoryKey"
import { PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import { Option, Predicate, Result, Schema } from "effect"
import { parseCertificates } from "../internal/kinds/Certificates.ts"
import {
  decodeBase64,
  invalid,
  pickFields,
  parseScheme,
  shapeError,
  OptionalText
} from "../internal/kinds/ObjectFields.ts"
import { fromDockerConfig, joinWarnings, type StoredSource } from "../internal/kinds/StoredSource.ts"
import type { ObjectKind } from "./ObjectKind.ts"

const Registry = Schema.Struct({
  repo: Schema.String,
  scheme: OptionalText,
  dockerCfg: OptionalText,
  ca: OptionalText
})

const decodeShape = Schema.decodeUnknownResult(Schema.Struct({ spec: Schema.Struct({ registry: Registry }) }))
const decodeRepository = Schema.decodeUnknownOption(
  Schema.Struct({ spec: Schema.Struct({ registry: Schema.Struct({ repo: Schema.String }) }) })
)

const repositoryOf = (object: unknown): RepositoryKey | undefined =>
  Option.getOrUndefined(Option.flatMap(decodeRepository(object), ({ spec }) => parseKey(spec.registry.repo)))

const decode: ObjectKind["decode"] = (object, sourceObject, previous) =>
  Result.gen(function* () {
    const {
      spec: { registry }
    } = yield* Result.mapError(decodeShape(object), shapeError)
    const key = parseKey(registry.repo)
    if (Option.isNone(key)) return yield* invalid("spec.registry.repo is not host[:port]/name")
    const { host, name } = split(key.value)
    const config = yield* decodeBase64(registry.dockerCfg ?? "", "spec.registry.dockerCfg")
    const repositoryPrefix = PathComponents.make(name)
    const { keyring, warning } = yield* fromDockerConfig(
      config,
      host,
      repositoryPrefix,
      "spec.registry.dockerCfg"
    )
    const trust = yield* parseCertificates(registry.ca, "spec.registry.ca", previous?.ca)
    const source: StoredSource = {
      scheme: yield* parseScheme(registry.scheme, "spec.registry.scheme"),
      host,
      repositoryPrefix,
      keyring,
      ca: trust.ca,
      warning: joinWarnings(warning, trust.warning),
      sourceObject
    }
    return { key: key.value, source }
  })

/**
 * The kind ModuleSource. Each object names a registry of modules by the fields of `spec.registry`. `repo` is
 * `host[:port]/name`, and slashes at its end are ignored. `scheme` is http or https (case-insensitive), by default
 * https. `dockerCfg` is the base64 of a docker config.json. If it is absent or empty, packages are pulled without a
 * login. `ca` is PEM. If it is absent or empty, only the system's authorities are trusted. Other fields are ignored.
 */
export const moduleSource = {
  group: "deckhouse.io",
  version: "v1alpha1",
  kind: "ModuleSource",
  plural: "modulesources",
  // The store decodes the objects, not the watch. An invalid object thus keeps its last valid version and is named in
  // the log.
  schema: Schema.Unknown,
  isOptional: true,
  awaited: "module-sources",
  purpose: "the registries of modules",
  decodedFields: ({ spec }) => pickFields(Predicate.isObject(spec) ? spec["registry"] : spec, Registry),
  repositoryOf,
  decode
} as const satisfies ObjectKind
