import * as Resource from "@registry-packages-proxy/kubernetes/Resource"
import { createHash } from "node:crypto"
import { Option, Predicate, Result, Schema } from "effect"
import { invalid } from "../internal/kinds/ObjectFields.ts"
import type { StoredSource } from "../internal/kinds/StoredSource.ts"
import { describe, joinWithOr, kinds } from "./Kinds.ts"
import type { ObjectKind, ReadSource, SourceKey } from "./ObjectKind.ts"

/** The identity of an object. Contains no part of the object that can be a secret. */
export interface Identity {
  readonly kind: ObjectKind | "Ignored" | "Malformed"
  /** Unique within a feed. */
  readonly id: string
  /** The object's name in messages, which is also the `origin` of its source. */
  readonly label: string
  /** `metadata.creationTimestamp` in milliseconds since the epoch; minus infinity if there is none. */
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
  kinds.find(
    (one: ObjectKind) =>
      one.kind === kind &&
      Resource.apiVersion(one) === apiVersion &&
      (one.namespace === undefined || one.namespace === namespace) &&
      (one.name === undefined || one.name === name)
  )

/** The reason in the log why an object of another kind is skipped: `neither ... nor ...`. */
export const skipReason = `neither ${joinWithOr(
  kinds.map((kind: ObjectKind) => `${kind.name === undefined ? "a" : "the"} ${describe(kind)}`),
  "nor"
)}`

/**
 * Identifies an object. `position` is its index among the objects of its feed. It identifies an object without a valid
 * name.
 */
export const identify = (object: unknown, position: number): Identity => {
  const envelope = decodeEnvelope(object)
  if (Option.isNone(envelope)) {
    return {
      kind: "Malformed",
      id: `#${position}`,
      label: `object ${position + 1}`,
      created: Number.NEGATIVE_INFINITY
    }
  }
  const { apiVersion, kind, metadata } = envelope.value
  const created = timestamp(metadata?.creationTimestamp)
  const name = isName(metadata?.name) ? metadata.name : undefined
  const namespace = isName(metadata?.namespace) ? metadata.namespace : undefined
  const objectKind = kindOf(apiVersion, kind, namespace, name)
  const scope = objectKind === undefined ? namespace : objectKind.namespace
  if (objectKind !== undefined && name === undefined) {
    const label = `${kind} without a valid name (object ${position + 1})`
    return { kind: objectKind, id: `${kind}#${position}`, label, created }
  }
  const path = [scope, name ?? `#${position}`].filter(Predicate.isNotUndefined).join("/")
  const label = `${isKind(kind) ? kind : "object"} ${path}`
  return objectKind === undefined
    ? { kind: "Ignored", id: `ignored:${kind}/${path}`, label, created }
    : { kind: objectKind, id: `${kind}/${path}`, label, created }
}

/** The error of an invalid object, and the repository that the object names, if it can be read. */
export interface InvalidObject {
  readonly key: SourceKey | undefined
  readonly detail: string
}

/** Reads an object of one of the kinds. Never throws. */
export const read = (
  object: unknown,
  kind: ObjectKind,
  { id, label }: Identity,
  previous: StoredSource | undefined
): Result.Result<ReadSource, InvalidObject> => {
  try {
    const result = id.includes("#")
      ? invalid("metadata.name is missing or not a valid name")
      : kind.decode(object, label, previous)
    return Result.mapError(result, ({ detail }) => ({ key: kind.claims(object), detail }))
  } catch {
    return Result.fail({ key: undefined, detail: "it cannot be inspected" })
  }
}

const created = (metadata: unknown): unknown =>
  Predicate.isObject(metadata) ? metadata["creationTimestamp"] : metadata

/** Returns all parts of an object that are read. */
const parts = (object: unknown, kind: Identity["kind"]): unknown =>
  Predicate.isObject(object) && typeof kind === "object"
    ? [created(object["metadata"]), kind.parts(object)]
    : undefined

/**
 * Returns a hash of all parts that are read, so that an unchanged object is neither decoded nor logged again. Undefined
 * if an object cannot be hashed: it then counts as changed.
 */
export const fingerprint = (object: unknown, { kind }: Identity): string | undefined => {
  try {
    return createHash("sha256")
      .update(JSON.stringify(parts(object, kind)) ?? "")
      .digest("base64")
  } catch {
    return undefined
  }
}
