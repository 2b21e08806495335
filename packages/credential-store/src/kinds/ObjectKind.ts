import type * as Resource from "@registry-packages-proxy/kubernetes/Resource"
import type { Result } from "effect"
import type { ObjectError } from "../internal/kinds/ObjectError.ts"
import type { StoredSource } from "../internal/kinds/StoredSource.ts"

/** The repository that a source is for, as its key; empty for the cluster's own registry. */
export type Slot = string
export const ownSlot: Slot = ""

/** A source read from an object, and the repository it is for. */
export interface ReadSource {
  readonly slot: Slot
  readonly source: StoredSource
}

/** A kind of Kubernetes object that registries are read from. */
export interface ObjectKind extends Resource.Resource<unknown> {
  /** The name of the one object that is read; absent where all objects of the kind are. */
  readonly name?: string
  /** True if a cluster may lack the kind, or the one object: the program is then ready without it. */
  readonly isOptional: boolean
  /** The word of `/readyz` for a first list of these objects that is still to come; names no object. */
  readonly awaited: string
  /** In docs/operations.md: the registries that these objects name. */
  readonly purpose: string
  /** All that is ever read of an object besides its metadata: equal for two objects that read the same. */
  readonly parts: (object: Readonly<Record<string, unknown>>) => unknown
  /** The repository that an object claims, also where the rest of it cannot be read. */
  readonly claims: (object: unknown) => Slot | undefined
  /** Reads an object; `origin` names it in messages, `previous` is what was read from it before. */
  readonly decode: (
    object: unknown,
    origin: string,
    previous?: Pick<StoredSource, "ca">
  ) => Result.Result<ReadSource, ObjectError>
}
