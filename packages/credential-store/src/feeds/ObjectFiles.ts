import * as YamlText from "@registry-packages-proxy/kubernetes/YamlText"
import { Effect, Predicate, Result } from "effect"

/**
 * The maximum number of objects and lists in a text. It bounds the work of decoding objects and of logging invalid
 * ones.
 */
export const maxObjects = 5_000

/**
 * Returns the Kubernetes objects in a JSON or YAML text. Each YAML document may be an object, an array, a `List`, or a
 * typed list such as `ModuleSourceList`. Lists may be nested. Items that are not objects are returned unchanged.
 *
 * Fails with a message that names the problem and, if known, its line, but contains none of the text. Fails for a text
 * without a document, because such a file is usually being rewritten. A file that names no registry must contain an
 * empty list, such as `kind: List`.
 */
export const parse = Effect.fnUntraced(function* (
  text: string
): Effect.fn.Return<Result.Result<ReadonlyArray<unknown>, string>> {
  const documents = yield* Effect.promise(() => YamlText.parse(text))
  return Result.flatMap(documents, (all) => {
    const present = all.filter(Predicate.isNotNullish)
    if (present.length === 0) return Result.fail("it is empty")
    const objects = flatten(present)
    if (objects === undefined) return Result.fail(`it holds more than ${maxObjects} objects`)
    return objects.length > 0 && !objects.some(isTyped)
      ? Result.fail("it does not hold Kubernetes objects")
      : Result.succeed(objects)
  })
})

/**
 * True if the object has an `apiVersion` and a `kind`, both strings. `parse` rejects a file that has objects, but none
 * with both fields.
 */
const isTyped = (object: unknown): boolean =>
  Predicate.isObject(object) && typeof object["apiVersion"] === "string" && typeof object["kind"] === "string"

interface Items {
  readonly items: ReadonlyArray<unknown>
  /** The `apiVersion` and `kind` that a typed list omits from its items. Empty for any other list. */
  readonly common: Readonly<Record<string, unknown>>
}

/** Returns the items of a list. Undefined if the object is not a list. */
const itemsOf = (object: unknown): Items | undefined => {
  if (Array.isArray(object)) return { items: object, common: {} }
  if (!Predicate.isObject(object)) return undefined
  const { apiVersion, items, kind } = object
  if (typeof kind !== "string" || !kind.endsWith("List")) return undefined
  const itemKind = kind.slice(0, -"List".length)
  if (itemKind === "") return Predicate.isNullish(items) ? { items: [], common: {} } : itemsOf(items)
  return Array.isArray(items) ? { items, common: { apiVersion, kind: itemKind } } : undefined
}

/**
 * Replaces each list by its items, in the same order. Undefined if the total number of objects and lists exceeds
 * `maxObjects`.
 */
const flatten = (documents: ReadonlyArray<unknown>): ReadonlyArray<unknown> | undefined => {
  const objects: Array<unknown> = []
  const stack: Array<Items & { next: number }> = [{ items: documents, common: {}, next: 0 }]
  let seen = 0
  for (let list = stack.at(-1); list !== undefined; list = stack.at(-1)) {
    if (list.next === list.items.length) {
      stack.pop()
      continue
    }
    if (++seen > maxObjects) return undefined
    const object = list.items[list.next++]
    const nested = itemsOf(object)
    if (nested !== undefined) stack.push({ ...nested, next: 0 })
    else objects.push(Predicate.isObject(object) ? { ...list.common, ...object } : object)
  }
  return objects
}
