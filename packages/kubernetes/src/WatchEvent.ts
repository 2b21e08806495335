import type { KubernetesError } from "./KubernetesError.ts"

/** Which object of a resource; `namespace` only for namespaced kinds. */
export interface ObjectKey {
  readonly namespace: string | undefined
  readonly name: string
}

/** What a list and watch tells of the objects of a resource. */
export type WatchEvent<A> =
  /** Always the first of what is known: all objects there are. Not repeated: later lists tell their differences. */
  | { readonly _tag: "Synced"; readonly objects: ReadonlyArray<A> }
  | { readonly _tag: "Added"; readonly object: A }
  | { readonly _tag: "Modified"; readonly object: A }
  | { readonly _tag: "Deleted"; readonly key: ObjectKey }
  /** What was told is still all there is: a bookmark, a watch taken up again. */
  | { readonly _tag: "InTouch" }
  /** The API server cannot be followed now; it is tried again. Told for each attempt that fails. */
  | { readonly _tag: "OutOfTouch"; readonly error: KubernetesError }
