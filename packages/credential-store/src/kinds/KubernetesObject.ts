import * as Resource from "@registry-packages-proxy/kubernetes/Resource"
import { createHash } from "node:crypto"
import { Option, Predicate, Result, Schema } from "effect"
import { invalid } from "../internal/kinds/ObjectFields.ts"
import type { StoredSource } from "../internal/kinds/StoredSource.ts"
import * as Kinds from "./Kinds.ts"
import type { ObjectKind, DecodedSource, SourceKey } from "./ObjectKind.ts"

/** The identity of an object. Contains no part of the object that can be a secret. */
export interface ObjectIdentity {
  readonly kind: ObjectKind | "Ignored" | "Malformed"
  /**
   * Identifies the object, for example `ModuleSource/a`. If a file or list contains several objects with the same id,
   * the last one is used.
   */
  readonly id: string
  /**
   * The object's name in messages, such as `ModuleSource a`. It is also the value of `sourceObject` in each
   * `RegistrySource` that is decoded from the object.
   */
  readonly displayName: string
  /** `metadata.creationTimestamp` in milliseconds since the epoch. Minus infinity if there is none. */
  readonly createdAt: number
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

// An RFC 1123 subdomain, as the API server requires. Any other text is not logged.
const isName = (value: unknown): value is string =>
  typeof value === "string" &&
  value.length <= 253 &&
  /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/.test(value)

const isKind = (value: string): boolean => /^[A-Za-z]{1,63}$/.test(value)

const timestamp = (value: unknown): number => {
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN
  return Number.isNaN(time) ? Number.NEGATIVE_INFINITY : time
}

const kindOf = (
  apiVersion: string,
  kind: string,
  namespace: string | undefined,
  name: string | undefined
): ObjectKind | undefined =>
  Kinds.kinds.find(
    (one: ObjectKind) =>
      one.kind === kind &&
      Resource.apiVersion(one) === apiVersion &&
      (one.namespace === undefined || one.namespace === namespace) &&
      (one.name === undefined || one.name === name)
  )

/** The reason that the log gives for skipping an object. It names the objects that are read. */
export const skipReason = `neither ${Kinds.joinWithOr(
  Kinds.kinds.map(
    (kind: ObjectKind) => `${kind.name === undefined ? "a" : "the"} ${Kinds.displayName(kind)}`
  ),
  "nor"
)}`

/**
 * Identifies an object. If the object has no valid name, `position` replaces the name. `position` is the object's index
 * in the array that contains the object, or 0 for a single object.
 */
export const identify = (object: unknown, position: number): ObjectIdentity => {
  const envelope = decodeEnvelope(object)
  if (Option.isNone(envelope)) {
    return {
      kind: "Malformed",
      id: `#${position}`,
      displayName: `object ${position + 1}`,
      createdAt: Number.NEGATIVE_INFINITY
    }
  }
  const { apiVersion, kind, metadata } = envelope.value
  const createdAt = timestamp(metadata?.creationTimestamp)
  const name = isName(metadata?.name) ? metadata.name : undefined
  const namespace = isName(metadata?.namespace) ? metadata.namespace : undefined
  const objectKind = kindOf(apiVersion, kind, namespace, name)
  const scope = objectKind === undefined ? namespace : objectKind.namespace
  if (objectKind !== undefined && name === undefined) {
    const displayName = `${kind} without a valid name (object ${position + 1})`
    return { kind: objectKind, id: `${kind}#${position}`, displayName, createdAt }
  }
  const path = [scope, name ?? `#${position}`].filter(Predicate.isNotUndefined).join("/")
  const displayName = `${isKind(kind) ? kind : "object"} ${path}`
  return objectKind === undefined
    ? { kind: "Ignored", id: `ignored:${kind}/${path}`, displayName, createdAt }
    : { kind: objectKind, id: `${kind}/${path}`, displayName, createdAt }
}

/**
 * The error of an invalid object. `key` is the repository that the object names. Undefined if that repository cannot be
 * read from the object.
 */
export interface InvalidObject {
  readonly key: SourceKey | undefined
  readonly detail: string
}

/**
 * Decodes an object of `kind`. `previous` is the source that was decoded from the last valid version of the object.
 * Never throws.
 */
export const decode = (
  object: unknown,
  kind: ObjectKind,
  { id, displayName }: ObjectIdentity,
  previous: StoredSource | undefined
): Result.Result<DecodedSource, InvalidObject> => {
  try {
    const result = id.includes("#")
      ? invalid("metadata.name is missing or not a valid name")
      : kind.decode(object, displayName, previous)
    return Result.mapError(result, ({ detail }) => ({ key: kind.repositoryOf(object), detail }))
  } catch {
    return Result.fail({ key: undefined, detail: "it cannot be inspected" })
  }
}

const created = (metadata: unknown): unknown =>
  Predicate.isObject(metadata) ? metadata["creationTimestamp"] : metadata

/**
 * Returns the values that {@link contentHashOf} hashes: the creation time, and all fields that `decode` reads.
 * Undefined if `kind` is `Ignored` or `Malformed`.
 */
const parts = (object: unknown, kind: ObjectIdentity["kind"]): unknown =>
  Predicate.isObject(object) && typeof kind === "object"
    ? [created(object["metadata"]), kind.decodedFields(object)]
    : undefined

/**
 * Returns a hash of an object's creation time and of all fields that `decode` reads. An object with an unchanged hash
 * is neither decoded nor logged again. Undefined if the object cannot be hashed. The object then counts as changed.
 */
export const contentHashOf = (object: unknown, { kind }: ObjectIdentity): string | undefined => {
  try {
    return createHash("sha256")
      .update(JSON.stringify(parts(object, kind)) ?? "")
      .digest("base64")
  } catch {
    return undefined
  }
}
