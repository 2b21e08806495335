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
export const displayName = (kind: ObjectKind): string =>
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

/** Returns the RBAC rule that permits the watch of a kind. */
export const requiredRule = ({ group, name, plural }: ObjectKind): RbacRule => ({
  apiGroups: [group],
  resources: [plural],
  ...(name === undefined ? { verbs: ["list", "watch"] } : { resourceNames: [name], verbs: ["get", "watch"] })
})

/** Joins words as in `a`, `a or b` and `a, b or c`. */
export const joinWithOr = (words: ReadonlyArray<string>, or = "or"): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} ${or} ${words.at(-1)}`

const all: ReadonlyArray<ObjectKind> = kinds

/** Parts of messages: the names of the kinds or objects to correct or to create. */
export const messageTexts = {
  /** The names of all kinds: `ModuleSource or Secret`. */
  allKinds: joinWithOr(all.map(({ kind }) => kind)),
  /** The names of the kinds whose objects are for one repository each: `ModuleSource`. */
  repositoryKinds: joinWithOr(all.filter(({ name }) => name === undefined).map(({ kind }) => kind)),
  /** The name of the object that describes the cluster's own registry: `Secret d8-system/deckhouse-registry`. */
  clusterRegistrySecret: joinWithOr(all.filter(({ name }) => name !== undefined).map(displayName))
}
