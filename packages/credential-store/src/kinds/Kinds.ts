import * as Resource from "@registry-packages-proxy/kubernetes/Resource"
import * as ModuleSource from "./ModuleSource.ts"
import type { ObjectKind } from "./ObjectKind.ts"
import * as RegistrySecret from "./RegistrySecret.ts"

/**
 * The kinds of Kubernetes objects that contain the addresses and credentials of registries. Objects of these kinds are
 * watched and are read from credentials files. This array also determines the texts of `/readyz` and of messages, and
 * the permissions in docs/operations.md. A test compares these permissions with those of the Helm chart.
 */
export const kinds = [
  ModuleSource.moduleSource,
  RegistrySecret.registrySecret
] as const satisfies ReadonlyArray<ObjectKind>

/**
 * Returns the text that names a kind in messages. If all objects of the kind are read, the text names the kind, such as
 * `deckhouse.io/v1alpha1 ModuleSource`. If only one object is read, the text names that object, such as `Secret
 * d8-system/deckhouse-registry`.
 */
export const displayName = (kind: ObjectKind): string =>
  kind.name === undefined
    ? `${Resource.apiVersion(kind)} ${kind.kind}`
    : `${kind.kind} ${[kind.namespace, kind.name].filter((part) => part !== undefined).join("/")}`

/** A rule of a Kubernetes Role or ClusterRole. */
export interface RbacRule {
  readonly apiGroups: ReadonlyArray<string>
  readonly resources: ReadonlyArray<string>
  readonly resourceNames?: ReadonlyArray<string>
  readonly verbs: ReadonlyArray<string>
}

/** Returns the RBAC rule that allows registry-packages-proxy to watch the objects of a kind. */
export const requiredRule = ({ group, name, plural }: ObjectKind): RbacRule => ({
  apiGroups: [group],
  resources: [plural],
  ...(name === undefined ? { verbs: ["list", "watch"] } : { resourceNames: [name], verbs: ["get", "watch"] })
})

/** Joins words with commas and `or`, such as `a, b or c`. */
export const joinWithOr = (words: ReadonlyArray<string>, or = "or"): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} ${or} ${words.at(-1)}`

const all: ReadonlyArray<ObjectKind> = kinds

/** The names of kinds and objects in messages that ask the operator to correct or create an object. */
export const messageTexts = {
  /** The names of all kinds: `ModuleSource or Secret`. */
  allKinds: joinWithOr(all.map(({ kind }) => kind)),
  /** The names of the kinds that have one object per repository: `ModuleSource`. */
  repositoryKinds: joinWithOr(all.filter(({ name }) => name === undefined).map(({ kind }) => kind)),
  /** The name of the object that describes the cluster's own registry: `Secret d8-system/deckhouse-registry`. */
  clusterRegistrySecret: joinWithOr(all.filter(({ name }) => name !== undefined).map(displayName))
}
