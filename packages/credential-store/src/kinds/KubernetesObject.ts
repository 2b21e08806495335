import { createHash } from "node:crypto"
import { Option, Predicate, Result, Schema } from "effect"
import * as ModuleSource from "./ModuleSource.ts"
import * as RegistrySecret from "./RegistrySecret.ts"
import type { StoredSource } from "../internal/kinds/StoredSource.ts"

/** Which repository a source is for; the empty slot is the cluster's own registry. */
export type Slot = string
export const ownSlot: Slot = ""

/** What an object is, without a look at its values. */
export interface Identity {
  readonly type: "ModuleSource" | "Secret" | "Ignored" | "Malformed"
  /** Unique within a feed. */
  readonly id: string
  /** For messages, and the source's origin. */
  readonly label: string
  /** `metadata.creationTimestamp` in milliseconds; minus infinity where there is none. */
  readonly created: number
}

const Metadata = Schema.Struct({
  name: Schema.optionalKey(Schema.Unknown),
  namespace: Schema.optionalKey(Schema.Unknown),
  creationTimestamp: Schema.optionalKey(Schema.Unknown)
})
const decodeEnvelope = Schema.decodeUnknownOption(
  Schema.Struct({
    apiVersion: Schema.String,
    kind: Schema.String,
    metadata: Schema.optionalKey(Schema.NullOr(Metadata))
  })
)

// RFC 1123 subdomain, as the API server wants: whatever else stands there is not repeated in a log.
const isName = (value: unknown): value is string =>
  typeof value === "string" &&
  value.length <= 253 &&
  /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/.test(value)

const isKind = (value: string): boolean => /^[A-Za-z]{1,63}$/.test(value)

const timestamp = (value: unknown): number => {
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN
  return Number.isNaN(time) ? Number.NEGATIVE_INFINITY : time
}

/** `position` tells objects without a usable name apart. */
export const identify = (object: unknown, position: number): Identity => {
  const envelope = decodeEnvelope(object)
  if (Option.isNone(envelope)) {
    const label = `object ${position + 1}, which is no Kubernetes object with apiVersion, kind and metadata,`
    return { type: "Malformed", id: `#${position}`, label, created: Number.NEGATIVE_INFINITY }
  }
  const { apiVersion, kind, metadata } = envelope.value
  const created = timestamp(metadata?.creationTimestamp)
  const named = isName(metadata?.name) ? metadata.name : undefined
  const namespace = isName(metadata?.namespace) ? metadata.namespace : undefined
  if (kind === ModuleSource.kind && apiVersion === ModuleSource.apiVersion) {
    return named === undefined
      ? {
          type: "ModuleSource",
          id: `${kind}#${position}`,
          label: `${kind} without a valid name (object ${position + 1})`,
          created
        }
      : { type: "ModuleSource", id: `${kind}/${named}`, label: `${kind} ${named}`, created }
  }
  const path = [namespace, named ?? `#${position}`].filter(Predicate.isNotUndefined).join("/")
  const label = `${isKind(kind) ? kind : "object"} ${path}`
  const isOurs =
    kind === RegistrySecret.kind &&
    apiVersion === RegistrySecret.apiVersion &&
    namespace === RegistrySecret.namespace &&
    named === RegistrySecret.name
  return {
    type: isOurs ? "Secret" : "Ignored",
    id: `${isOurs ? "" : "ignored:"}${kind}/${path}`,
    label,
    created
  }
}

/** A source read from an object, and the repository it is for. */
export interface ReadSource {
  readonly slot: Slot
  readonly source: StoredSource
}

/** Why an object gives no source, and the repository it claims where even that can be read. */
export interface Problem {
  readonly slot: Slot | undefined
  readonly detail: string
}

const attempt = (
  object: unknown,
  identity: Identity,
  previous: StoredSource | undefined
): Result.Result<ReadSource, Problem> => {
  if (identity.type === "Secret") {
    return Result.mapBoth(RegistrySecret.decode(object, identity.label, previous), {
      onSuccess: (source) => ({ slot: ownSlot, source }),
      onFailure: ({ detail }) => ({ slot: ownSlot, detail })
    })
  }
  const failed = (detail: string): Problem => ({
    slot: Option.getOrUndefined(ModuleSource.repository(object)),
    detail
  })
  if (identity.id.includes("#")) return Result.fail(failed("metadata.name is missing or not a valid name"))
  return Result.mapBoth(ModuleSource.decode(object, identity.label, previous), {
    onSuccess: ({ key, source }) => ({ slot: key, source }),
    onFailure: ({ detail }) => failed(detail)
  })
}

/** Reads a ModuleSource or the registry's Secret. Total: whatever an object holds, nothing is thrown. */
export const read = (
  object: unknown,
  identity: Identity,
  previous: StoredSource | undefined
): Result.Result<ReadSource, Problem> => {
  try {
    return attempt(object, identity, previous)
  } catch {
    return Result.fail({ slot: undefined, detail: "it cannot be looked into" })
  }
}

const pick = (object: unknown, keys: ReadonlyArray<string>): unknown =>
  Predicate.isObject(object) ? keys.map((key) => object[key]) : object

/** All of an object that is ever read. */
const parts = (object: unknown): unknown => {
  if (!Predicate.isObject(object)) return undefined
  const { data, metadata, spec, stringData } = object
  const registry = Predicate.isObject(spec) ? spec["registry"] : spec
  return [
    pick(metadata, ["creationTimestamp"]),
    pick(registry, ModuleSource.fields),
    pick(data, RegistrySecret.fields),
    pick(stringData, RegistrySecret.fields)
  ]
}

/** Equal for two objects that read the same, so that what did not change is neither decoded nor reported again. */
export const fingerprint = (object: unknown): string | undefined => {
  try {
    return createHash("sha256")
      .update(JSON.stringify(parts(object)) ?? "")
      .digest("base64")
  } catch {
    return undefined
  }
}
