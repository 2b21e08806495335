import * as Resource from "@registry-packages-proxy/kubernetes/Resource"
import * as ModuleSource from "./ModuleSource.ts"
import type { ObjectKind } from "./ObjectKind.ts"
import * as RegistrySecret from "./RegistrySecret.ts"

/**
 * Every kind of object that registries are read from. Watches, credentials files, what `/readyz` waits for, the words of
 * messages, and the rights in docs/operations.md come from here; a test compares the rights with the chart's.
 */
export const kinds = [
  ModuleSource.moduleSource,
  RegistrySecret.registrySecret
] as const satisfies ReadonlyArray<ObjectKind>

/** A kind in words: `deckhouse.io/v1alpha1 ModuleSource`, `Secret d8-system/deckhouse-registry`. */
export const describe = (kind: ObjectKind): string =>
  kind.name === undefined
    ? `${Resource.apiVersion(kind)} ${kind.kind}`
    : `${kind.kind} ${[kind.namespace, kind.name].filter((part) => part !== undefined).join("/")}`

/** The rights that following a kind needs, in the terms of RBAC. */
export interface Rights {
  readonly apiGroups: ReadonlyArray<string>
  readonly resources: ReadonlyArray<string>
  readonly resourceNames?: ReadonlyArray<string>
  readonly verbs: ReadonlyArray<string>
}

export const rights = ({ group, name, plural }: ObjectKind): Rights => ({
  apiGroups: [group],
  resources: [plural],
  ...(name === undefined ? { verbs: ["list", "watch"] } : { resourceNames: [name], verbs: ["get", "watch"] })
})

/** `a`, `a or b`, `a, b or c`. */
export const either = (words: ReadonlyArray<string>, or = "or"): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} ${or} ${words.at(-1)}`

const all: ReadonlyArray<ObjectKind> = kinds

/** The kinds in messages that say which object to correct or make. */
export const words = {
  /** All of them: `ModuleSource or Secret`. */
  any: either(all.map(({ kind }) => kind)),
  /** Those whose objects name repositories: `ModuleSource`. */
  naming: either(all.filter(({ name }) => name === undefined).map(({ kind }) => kind)),
  /** The objects that name the cluster's own registry: `Secret d8-system/deckhouse-registry`. */
  own: either(all.filter(({ name }) => name !== undefined).map(describe))
}
