import { Option, Predicate, Result, Schema } from "effect"
import * as Resource from "../../Resource.ts"
import type { ObjectKey, WatchEvent } from "../../WatchEvent.ts"

const Envelope = Schema.Struct({
  metadata: Schema.Struct({
    name: Schema.NonEmptyString,
    namespace: Schema.optionalKey(Schema.String),
    resourceVersion: Schema.optionalKey(Schema.String)
  })
})

const decodeEnvelope = Schema.decodeUnknownOption(Envelope)

/** The result of processing an object: an event to emit, the name of an object that cannot be decoded, or neither. */
export interface ObjectChange<A> {
  readonly event: WatchEvent<A> | undefined
  readonly undecodable: string | undefined
}

const noChange = { event: undefined, undecodable: undefined }

interface TrackedObject {
  readonly key: ObjectKey
  version: string | undefined
  /** True if an event for this object was emitted. Its deletion must then be emitted too. */
  emitted: boolean
}

const idOf = ({ name, namespace }: ObjectKey): string => `${namespace ?? ""}/${name}`

/**
 * True if resource version `one` is older than `other`. API servers use decimal numbers of any length. False if `one`
 * or `other` is not a decimal number.
 */
const isBefore = (one: string, other: string): boolean =>
  /^\d+$/.test(one) &&
  /^\d+$/.test(other) &&
  (one.length === other.length ? one < other : one.length < other.length)

/**
 * Tracks the names and versions of a resource's objects. Compares each later list with the tracked objects, and returns
 * the differences as events. Ignores events that are older than the tracked version of their object.
 */
export class ObjectVersions<A> {
  readonly #resource: Resource.Resource<A>
  readonly #decode: (object: unknown) => Result.Result<A, unknown>
  readonly #objects = new Map<string, TrackedObject>()

  constructor(resource: Resource.Resource<A>) {
    this.#resource = resource
    this.#decode = Schema.decodeUnknownResult(resource.schema)
  }

  /**
   * Processes the first list. The first element of the result has a `Synced` event with all objects that can be
   * decoded. It is followed by one element for each object of the list. In these elements, `event` is undefined, and
   * `undecodable` is set if the object cannot be decoded.
   */
  sync(objects: ReadonlyArray<unknown>): ReadonlyArray<ObjectChange<A>> {
    const changes = objects.map((object) => this.update(object, "list"))
    const decoded = changes.flatMap(({ event }) => (event?._tag === "Added" ? [event.object] : []))
    return [
      { event: { _tag: "Synced", objects: decoded }, undecodable: undefined },
      ...changes.map(({ undecodable }) => ({ event: undefined, undecodable }))
    ]
  }

  /** Processes a later list. The returned events are the differences between the list and the tracked objects. */
  replace(objects: ReadonlyArray<unknown>): ReadonlyArray<ObjectChange<A>> {
    const listed = new Set<string>()
    for (const object of objects) {
      const envelope = decodeEnvelope(object)
      if (Option.isSome(envelope)) listed.add(idOf(this.#key(envelope.value)))
    }
    const gone = [...this.#objects.values()].filter(({ key }) => !listed.has(idOf(key)))
    return [
      ...gone.map((tracked) => this.#drop(tracked)),
      ...objects.map((object) => this.update(object, "list"))
    ]
  }

  /**
   * Processes an object from a list or from an event. Ignores an event that is older than the tracked version of the
   * object.
   */
  update(object: unknown, source: "list" | "event"): ObjectChange<A> {
    const envelope = decodeEnvelope(object)
    if (Option.isNone(envelope)) return { event: undefined, undecodable: "without a name" }
    const key = this.#key(envelope.value)
    const version = envelope.value.metadata.resourceVersion
    const existing = this.#objects.get(idOf(key))
    if (existing?.version !== undefined && version !== undefined) {
      if (existing.version === version || (source === "event" && isBefore(version, existing.version)))
        return noChange
    }
    const tracked = existing ?? { key, version, emitted: false }
    tracked.version = version
    this.#objects.set(idOf(key), tracked)
    const decoded = this.#decode(this.#withType(object))
    if (Result.isFailure(decoded)) return { event: undefined, undecodable: key.name }
    const _tag = tracked.emitted ? "Modified" : "Added"
    tracked.emitted = true
    return { event: { _tag, object: decoded.success }, undecodable: undefined }
  }

  /** Processes the deletion of an object. Ignores a deletion that is older than the tracked version of the object. */
  remove(object: unknown): ObjectChange<A> {
    const envelope = decodeEnvelope(object)
    if (Option.isNone(envelope)) return noChange
    const tracked = this.#objects.get(idOf(this.#key(envelope.value)))
    const version = envelope.value.metadata.resourceVersion
    if (tracked === undefined) return noChange
    // The object was created again after this deletion.
    if (version !== undefined && tracked.version !== undefined && isBefore(version, tracked.version))
      return noChange
    return this.#drop(tracked)
  }

  #drop(tracked: TrackedObject): ObjectChange<A> {
    this.#objects.delete(idOf(tracked.key))
    return {
      event: tracked.emitted ? { _tag: "Deleted", key: tracked.key } : undefined,
      undecodable: undefined
    }
  }

  #key({ metadata: { name, namespace } }: typeof Envelope.Type): ObjectKey {
    return { name, namespace: this.#resource.namespace === undefined ? undefined : namespace }
  }

  /** Adds `apiVersion` and `kind`, which an API server may omit in the items of a list. */
  #withType(object: unknown): unknown {
    return Predicate.isObject(object)
      ? { ...object, apiVersion: Resource.apiVersion(this.#resource), kind: this.#resource.kind }
      : object
  }
}
