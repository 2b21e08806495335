import type { Schema } from "effect"

/** A kind of object, its location in the API and its schema. */
export interface Resource<A> {
  /** The API group. Empty for the core group. */
  readonly group: string
  readonly version: string
  readonly kind: string
  /** The name of the kind in URLs, such as `secrets`. */
  readonly plural: string
  /** Absent for cluster-scoped kinds. */
  readonly namespace?: string
  /**
   * Decodes one object. The object always has `apiVersion` and `kind`. If the API server omits both in the items of a
   * list, both are added before an item is decoded.
   */
  readonly schema: Schema.ConstraintDecoder<A>
}

/** Returns the `apiVersion` of a resource's objects. */
export const apiVersion = ({ group, version }: Resource<unknown>): string =>
  group === "" ? version : `${group}/${version}`

/** Returns the URL path of a resource's collection, or of the object `name` if it is set. */
export const path = (resource: Resource<unknown>, name?: string): string => {
  const { group, namespace, plural, version } = resource
  const parts = group === "" ? ["api", version] : ["apis", group, version]
  if (namespace !== undefined) parts.push("namespaces", namespace)
  parts.push(plural)
  if (name !== undefined) parts.push(name)
  return `/${parts.map(encodeURIComponent).join("/")}`
}

/**
 * Returns the name of a resource, such as `secrets` or `modulesources.deckhouse.io`. Messages, metrics and spans use
 * this name.
 */
export const groupResource = ({ group, plural }: Resource<unknown>): string =>
  group === "" ? plural : `${plural}.${group}`
