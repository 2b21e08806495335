import * as Resource from "@registry-packages-proxy/kubernetes/Resource"
import * as ModuleSource from "./ModuleSource.ts"
import type { ObjectKind } from "./ObjectKind.ts"
import * as RegistrySecret from "./RegistrySecret.ts"

/**
 * The kinds of Kubernetes objects that registries are read from. Watches, credentials files, the texts of `/readyz` and
 * of messages, and the permissions in docs/operations.md derive from this table. A test compares these permissions with
 * those of the Helm chart.
 */
export const kinds = [
  ModuleSource.moduleSource,
  RegistrySecret.registrySecret
] as const satisfies ReadonlyArray<ObjectKind>

/**
 * Returns the name of a kind, or of the only object of that kind which is read: `deckhouse.io/v1alpha1 ModuleSource`,
 * `Secret d8-system/deckhouse-registry`.
 */
export const describe = (kind: ObjectKind): string =>
  kind.name === undefined
    ? `${Resource.apiVersion(kind)} ${kind.kind}`
    : `${kind.kind} ${[kind.namespace, kind.name].filter((part) => part !== undefined).join("/")}`

/** An RBAC rule. */
export interface RbacRule {
  readonly apiGroups: ReadonlyArray<string>
  readonly resources: ReadonlyArray<string>
  readonly resourceNames?: ReadonlyArray<string>
  readonly verbs: ReadonlyArray<string>
}

/** The RBAC rule that watching a kind requires. */
export const permissions = ({ group, name, plural }: ObjectKind): RbacRule => ({
  apiGroups: [group],
  resources: [plural],
  ...(name === undefined ? { verbs: ["list", "watch"] } : { resourceNames: [name], verbs: ["get", "watch"] })
})

/** Joins words as in `a`, `a or b` and `a, b or c`. */
export const joinWithOr = (words: ReadonlyArray<string>, or = "or"): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} ${or} ${words.at(-1)}`

const all: ReadonlyArray<ObjectKind> = kinds

/** The names of kinds and objects, for messages that say what to correct or to create. */
export const objectNames = {
  /** All kinds: `ModuleSource or Secret`. */
  any: joinWithOr(all.map(({ kind }) => kind)),
  /** The kinds whose objects name repositories: `ModuleSource`. */
  naming: joinWithOr(all.filter(({ name }) => name === undefined).map(({ kind }) => kind)),
  /** The object that names the cluster's own registry: `Secret d8-system/deckhouse-registry`. */
  own: joinWithOr(all.filter(({ name }) => name !== undefined).map(describe))
}
