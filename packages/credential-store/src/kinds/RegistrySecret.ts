import { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import { parsePath } from "@registry-packages-proxy/oci/RepositoryName"
import { Option, Result, Schema } from "effect"
import { parseCertificates } from "../internal/kinds/Certificates.ts"
import {
  decodeBase64,
  invalid,
  pickFields,
  parseScheme,
  shapeError,
  OptionalText
} from "../internal/kinds/ObjectFields.ts"
import type { ObjectError } from "../internal/kinds/ObjectError.ts"
import { fromDockerConfig, joinWarnings } from "../internal/kinds/StoredSource.ts"
import type { ObjectKind } from "./ObjectKind.ts"

const Values = Schema.Struct({
  address: OptionalText,
  path: OptionalText,
  scheme: OptionalText,
  ca: OptionalText,
  ".dockerconfigjson": OptionalText
})
const OptionalValues = Schema.optionalKey(Schema.NullOr(Values))

const decodeShape = Schema.decodeUnknownResult(
  Schema.Struct({ data: OptionalValues, stringData: OptionalValues })
)
const decodeHost = Schema.decodeUnknownOption(RegistryHost)

type Key = keyof typeof Values.fields

const decode: ObjectKind["decode"] = (object, sourceObject, previous) =>
  Result.gen(function* () {
    const { data, stringData } = yield* Result.mapError(decodeShape(object), shapeError)
    const text = (key: Key): Result.Result<string, ObjectError> => {
      const plain = stringData?.[key]
      return typeof plain === "string"
        ? Result.succeed(plain)
        : decodeBase64(data?.[key] ?? "", `data[${key}]`)
    }
    const address = (yield* text("address")).trim().replace(/\/$/, "")
    if (address === "") return yield* invalid("address is missing")
    const host = decodeHost(address)
    if (Option.isNone(host)) return yield* invalid("address is not host[:port]")
    const prefix = parsePath((yield* text("path")).trim())
    if (Option.isNone(prefix)) return yield* invalid("path is not a repository path")
    const config = yield* text(".dockerconfigjson")
    const { keyring, warning } = yield* fromDockerConfig(
      config,
      host.value,
      prefix.value,
      ".dockerconfigjson"
    )
    const trust = yield* parseCertificates(yield* text("ca"), "ca", previous?.ca)
    const source = {
      scheme: yield* parseScheme(yield* text("scheme"), "scheme"),
      host: host.value,
      repositoryPrefix: prefix.value,
      keyring,
      ca: trust.ca,
      warning: joinWarnings(warning, trust.warning),
      sourceObject
    }
    return { key: "own", source }
  })

/**
 * The Secret that names the cluster's own registry. Each value is in `data` as base64, or in `stringData`, which takes
 * precedence as in Kubernetes. `address` is a host with an optional port, and a slash at its end is ignored. `path` is
 * optional, and slashes at its start and end are ignored. `scheme` is http or https (case-insensitive), by default
 * https. `ca` is PEM. `.dockerconfigjson` is absent for pulls without a login. White space around `address`, `path` and
 * `scheme` is ignored.
 */
export const registrySecret = {
  group: "",
  version: "v1",
  kind: "Secret",
  plural: "secrets",
  namespace: "d8-system",
  name: "deckhouse-registry",
  schema: Schema.Unknown,
  isOptional: true,
  awaited: "registry-secret",
  purpose: "the registry of the cluster",
  decodedFields: ({ data, stringData }) => [pickFields(data, Values), pickFields(stringData, Values)],
  repositoryOf: () => "own",
  decode
} as const satisfies ObjectKind
