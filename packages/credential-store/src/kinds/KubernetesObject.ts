import * as Resource from "@registry-packages-proxy/kubernetes/Resource"
import { createHash } from "node:crypto"
import { Option, Predicate, Result, Schema } from "effect"
import { invalid } from "../internal/kinds/Fields.ts"
import type { StoredSource } from "../internal/kinds/StoredSource.ts"
import { describe, either, kinds } from "./Kinds.ts"
import type { ObjectKind, ReadSource, Slot } from "./ObjectKind.ts"

/** What an object is, without a look at its values. */
export interface Identity {
  readonly kind: ObjectKind | "Ignored" | "Malformed"
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

/** The objects that are read, for messages about others: `neither ... nor ...`. */
export const wanted = `neither ${either(
  kinds.map((kind: ObjectKind) => `${kind.name === undefined ? "a" : "the"} ${describe(kind)}`),
  "nor"
)}`

/** `position` tells objects without a usable name apart. */
export const identify = (object: unknown, position: number): Identity => {
  const envelope = decodeEnvelope(object)
  if (Option.isNone(envelope)) {
    const label = `object ${position + 1}, which is no Kubernetes object with apiVersion, kind and metadata,`
    return { kind: "Malformed", id: `#${position}`, label, created: Number.NEGATIVE_INFINITY }
  }
  const { apiVersion, kind, metadata } = envelope.value
  const created = timestamp(metadata?.creationTimestamp)
  const named = isName(metadata?.name) ? metadata.name : undefined
  const namespace = isName(metadata?.namespace) ? metadata.namespace : undefined
  const ours = kindOf(apiVersion, kind, namespace, named)
  const scope = ours === undefined ? namespace : ours.namespace
  if (ours !== undefined && named === undefined) {
    const label = `${kind} without a valid name (object ${position + 1})`
    return { kind: ours, id: `${kind}#${position}`, label, created }
  }
  const path = [scope, named ?? `#${position}`].filter(Predicate.isNotUndefined).join("/")
  const label = `${isKind(kind) ? kind : "object"} ${path}`
  return ours === undefined
    ? { kind: "Ignored", id: `ignored:${kind}/${path}`, label, created }
    : { kind: ours, id: `${kind}/${path}`, label, created }
}

/** Why an object gives no source, and the repository it claims where even that can be read. */
export interface Problem {
  readonly slot: Slot | undefined
  readonly detail: string
}

/** Reads an object of one of the kinds. Total: whatever an object holds, nothing is thrown. */
export const read = (
  object: unknown,
  kind: ObjectKind,
  { id, label }: Identity,
  previous: StoredSource | undefined
): Result.Result<ReadSource, Problem> => {
  try {
    const result = id.includes("#")
      ? invalid("metadata.name is missing or not a valid name")
      : kind.decode(object, label, previous)
    return Result.mapError(result, ({ detail }) => ({ slot: kind.claims(object), detail }))
  } catch {
    return Result.fail({ slot: undefined, detail: "it cannot be looked into" })
  }
}

const created = (metadata: unknown): unknown =>
  Predicate.isObject(metadata) ? metadata["creationTimestamp"] : metadata

/** All of an object that is ever read. */
const parts = (object: unknown, kind: Identity["kind"]): unknown =>
  Predicate.isObject(object) && typeof kind === "object"
    ? [created(object["metadata"]), kind.parts(object)]
    : undefined

/** Equal for two objects that read the same, so that what did not change is neither decoded nor reported again. */
export const fingerprint = (object: unknown, { kind }: Identity): string | undefined => {
  try {
    return createHash("sha256")
      .update(JSON.stringify(parts(object, kind)) ?? "")
      .digest("base64")
  } catch {
    return undefined
  }
}
