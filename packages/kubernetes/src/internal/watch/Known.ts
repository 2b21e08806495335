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

/** What became of an object: an event to tell, if any, and the name of one that cannot be decoded. */
export interface Taken<A> {
  readonly event: WatchEvent<A> | undefined
  readonly undecodable: string | undefined
}

const nothing = { event: undefined, undecodable: undefined }

interface Entry {
  readonly key: ObjectKey
  version: string | undefined
  /** Whether an event told of it, so that its end is told too. */
  told: boolean
}

const idOf = ({ name, namespace }: ObjectKey): string => `${namespace ?? ""}/${name}`

/** Whether a version comes before another; both are numbers to every API server there is, unlimited ones. */
const isBefore = (one: string, other: string): boolean =>
  /^\d+$/.test(one) &&
  /^\d+$/.test(other) &&
  (one.length === other.length ? one < other : one.length < other.length)

/**
 * The objects that were told of, by name and version alone, so that a list taken anew tells only what differs and an
 * event that is older than what was read tells nothing.
 */
export class Known<A> {
  readonly #resource: Resource.Resource<A>
  readonly #decode: (object: unknown) => Result.Result<A, unknown>
  readonly #entries = new Map<string, Entry>()

  constructor(resource: Resource.Resource<A>) {
    this.#resource = resource
    this.#decode = Schema.decodeUnknownResult(resource.schema)
  }

  /** The first list: all its objects in one event. */
  sync(objects: ReadonlyArray<unknown>): ReadonlyArray<Taken<A>> {
    const taken = objects.map((object) => this.put(object, "read"))
    const decoded = taken.flatMap(({ event }) => (event?._tag === "Added" ? [event.object] : []))
    return [
      { event: { _tag: "Synced", objects: decoded }, undecodable: undefined },
      ...taken.map(({ undecodable }) => ({ event: undefined, undecodable }))
    ]
  }

  /** A later list: what differs from what was told. */
  replace(objects: ReadonlyArray<unknown>): ReadonlyArray<Taken<A>> {
    const listed = new Set<string>()
    for (const object of objects) {
      const envelope = decodeEnvelope(object)
      if (Option.isSome(envelope)) listed.add(idOf(this.#key(envelope.value)))
    }
    const gone = [...this.#entries.values()].filter(({ key }) => !listed.has(idOf(key)))
    return [...gone.map((entry) => this.#drop(entry)), ...objects.map((object) => this.put(object, "read"))]
  }

  /** An object as it is now: as it was read, or as an event tells, which may be older than what was read. */
  put(object: unknown, from: "read" | "event"): Taken<A> {
    const envelope = decodeEnvelope(object)
    if (Option.isNone(envelope)) return { event: undefined, undecodable: "without a name" }
    const key = this.#key(envelope.value)
    const version = envelope.value.metadata.resourceVersion
    const known = this.#entries.get(idOf(key))
    if (known?.version !== undefined && version !== undefined) {
      if (known.version === version || (from === "event" && isBefore(version, known.version))) return nothing
    }
    const entry = known ?? { key, version, told: false }
    entry.version = version
    this.#entries.set(idOf(key), entry)
    const decoded = this.#decode(this.#whole(object))
    if (Result.isFailure(decoded)) return { event: undefined, undecodable: key.name }
    const _tag = entry.told ? "Modified" : "Added"
    entry.told = true
    return { event: { _tag, object: decoded.success }, undecodable: undefined }
  }

  /** An object that is gone. */
  remove(object: unknown): Taken<A> {
    const envelope = decodeEnvelope(object)
    if (Option.isNone(envelope)) return nothing
    const entry = this.#entries.get(idOf(this.#key(envelope.value)))
    const version = envelope.value.metadata.resourceVersion
    if (entry === undefined) return nothing
    // It was made again since.
    if (version !== undefined && entry.version !== undefined && isBefore(version, entry.version))
      return nothing
    return this.#drop(entry)
  }

  #drop(entry: Entry): Taken<A> {
    this.#entries.delete(idOf(entry.key))
    return { event: entry.told ? { _tag: "Deleted", key: entry.key } : undefined, undecodable: undefined }
  }

  #key({ metadata: { name, namespace } }: typeof Envelope.Type): ObjectKey {
    return { name, namespace: this.#resource.namespace === undefined ? undefined : namespace }
  }

  /** The items of a built-in kind's list say neither what they are nor of which version. */
  #whole(object: unknown): unknown {
    return Predicate.isObject(object)
      ? { ...object, apiVersion: Resource.apiVersion(this.#resource), kind: this.#resource.kind }
      : object
  }
}
