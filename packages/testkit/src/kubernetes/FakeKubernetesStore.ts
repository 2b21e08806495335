import { Option, Schema } from "effect"

type Json = Readonly<Record<string, unknown>>

/** A collection's URL path, such as `/apis/deckhouse.io/v1alpha1/modulesources`. */
export type CollectionPath = string

/** A change of one object, as a watch reports it. */
export interface ObjectChange {
  readonly resourceVersion: number
  readonly type: "ADDED" | "MODIFIED" | "DELETED"
  readonly collection: CollectionPath
  readonly name: string
  readonly object: Json
}

const decodeMetadata = Schema.decodeUnknownOption(
  Schema.Struct({ metadata: Schema.Record(Schema.String, Schema.Unknown) })
)

const metadataOf = (object: Json): Json =>
  Option.match(decodeMetadata(object), { onNone: () => ({}), onSome: ({ metadata }) => metadata })

/** Returns `metadata.name`, or the empty string if it is missing. */
export const nameOf = (object: Json): string => {
  const { name } = metadataOf(object)
  return typeof name === "string" ? name : ""
}

/** Keeps objects, their resource versions, and all changes since the last `compact`, as etcd does for an API server. */
export class FakeKubernetesStore {
  readonly #objects = new Map<CollectionPath, Map<string, Json>>()
  #history: Array<ObjectChange> = []
  #compacted = 0
  #version = 100

  /** The resource version of the last change in any collection. */
  get resourceVersion(): number {
    return this.#version
  }

  /** The oldest resource version at which a watch can begin. */
  get compactedVersion(): number {
    return this.#compacted
  }

  /** Creates an object, or replaces the object of the same name in the collection. Returns the change. */
  apply(collection: CollectionPath, object: Json): ObjectChange {
    const objects = this.#collection(collection)
    const name = nameOf(object)
    return this.#record(collection, objects.has(name) ? "MODIFIED" : "ADDED", object)
  }

  /** Removes an object. Returns the change, or undefined if the object does not exist. */
  remove(collection: CollectionPath, name: string): ObjectChange | undefined {
    const object = this.#collection(collection).get(name)
    return object === undefined ? undefined : this.#record(collection, "DELETED", object)
  }

  get(collection: CollectionPath, name: string): Json | undefined {
    return this.#collection(collection).get(name)
  }

  list(collection: CollectionPath): ReadonlyArray<Json> {
    return [...this.#collection(collection).values()]
  }

  changesSince(collection: CollectionPath, version: number): ReadonlyArray<ObjectChange> {
    return this.#history.filter(
      (change) => change.collection === collection && change.resourceVersion > version
    )
  }

  /**
   * Drops all changes so far, as a compaction of etcd does. A watch can then begin only at the last version or later.
   */
  compact(): void {
    this.#compacted = this.#version
    this.#history = []
  }

  #collection(path: CollectionPath): Map<string, Json> {
    const known = this.#objects.get(path)
    if (known !== undefined) return known
    const made = new Map<string, Json>()
    this.#objects.set(path, made)
    return made
  }

  #record(collection: CollectionPath, type: ObjectChange["type"], given: Json): ObjectChange {
    const version = ++this.#version
    const object = { ...given, metadata: { ...metadataOf(given), resourceVersion: String(version) } }
    const name = nameOf(object)
    if (type === "DELETED") this.#collection(collection).delete(name)
    else this.#collection(collection).set(name, object)
    const change = { resourceVersion: version, type, collection, name, object }
    this.#history.push(change)
    return change
  }
}
