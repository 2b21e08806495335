import type { RepositoryKey } from "@registry-packages-proxy/domain/RepositoryKey"
import type * as Resource from "@registry-packages-proxy/kubernetes/Resource"
import type { Result } from "effect"
import type { ObjectError } from "../internal/kinds/ObjectError.ts"
import type { StoredSource } from "../internal/kinds/StoredSource.ts"

/** The repository of a source, or `own` for the cluster's own registry. */
export type SourceKey = RepositoryKey | "own"

/** A source that was read from an object, and the repository that the object names. */
export interface DecodedSource {
  readonly key: SourceKey
  readonly source: StoredSource
}

/** A kind of Kubernetes objects that describe registries. */
export interface ObjectKind extends Resource.Resource<unknown> {
  /** The name of the only object that is read. Absent if all objects of the kind are read. */
  readonly name?: string
  /**
   * True if registry-packages-proxy can be ready although the API server does not have this kind (its CRD is missing).
   * If the server has the kind, readiness always waits for the list of its objects, which may be empty.
   */
  readonly isOptional: boolean
  /**
   * If the objects of this kind are not delivered yet, the response of `/readyz` contains this word. The word contains
   * no object's name.
   */
  readonly awaited: string
  /** A description of the registries that these objects name, for docs/operations.md. */
  readonly purpose: string
  /** Returns the values of all fields that `decode` reads. The metadata is not among them. */
  readonly decodedFields: (object: Readonly<Record<string, unknown>>) => unknown
  /**
   * Returns the repository that an object names, even if the object is otherwise invalid. Undefined if it names none.
   */
  readonly repositoryOf: (object: unknown) => SourceKey | undefined
  /**
   * Decodes an object. `sourceObject` is the object's name in messages. `previous` has the `ca` of the object's last
   * valid version. If no version was valid, `previous` is absent.
   */
  readonly decode: (
    object: unknown,
    sourceObject: string,
    previous?: Pick<StoredSource, "ca">
  ) => Result.Result<DecodedSource, ObjectError>
}
