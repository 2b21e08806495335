import type { KubernetesError } from "./KubernetesError.ts"

/** Identifies an object of a resource. */
export interface ObjectKey {
  /** Undefined for cluster-scoped kinds. */
  readonly namespace: string | undefined
  readonly name: string
}

/** An event of `KubernetesApi.listWatch`. */
export type WatchEvent<A> =
  /** All existing objects. Emitted once, before any change. After a later list, only the differences are emitted. */
  | { readonly _tag: "Synced"; readonly objects: ReadonlyArray<A> }
  | { readonly _tag: "Added"; readonly object: A }
  | { readonly _tag: "Modified"; readonly object: A }
  | { readonly _tag: "Deleted"; readonly key: ObjectKey }
  /** A sign that the API server still responds: a watch has begun, or the server has sent a bookmark. */
  | { readonly _tag: "UpToDate" }
  /** An attempt to list or watch failed. The next attempt follows after a delay. */
  | { readonly _tag: "AttemptFailed"; readonly error: KubernetesError }
