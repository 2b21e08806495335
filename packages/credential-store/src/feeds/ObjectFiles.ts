import * as YamlText from "@registry-packages-proxy/kubernetes/YamlText"
import { Effect, Predicate, Result } from "effect"

/**
 * The maximum number of objects in a text. It bounds the work, since each object is decoded, and logged if it is
 * invalid.
 */
export const maxObjects = 5_000

/**
 * Parses the objects of a JSON or YAML text: single objects, arrays, `kind: List` and `*List` with their items, nested
 * lists, and any number of YAML documents. Returns items that are not objects unchanged. Fails with the error and its
 * line, but shows none of the text.
 *
 * Fails for a text without a document, because such a file is usually being rewritten. A file that names no registry
 * must contain an empty list, such as `kind: List`.
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

/** True for an object with `apiVersion` and `kind`. A file whose objects all lack these fields is rejected. */
const isTyped = (object: unknown): boolean =>
  Predicate.isObject(object) && typeof object["apiVersion"] === "string" && typeof object["kind"] === "string"

/** The items of a list. */
interface Items {
  readonly items: ReadonlyArray<unknown>
  /** The fields that a typed list omits from its items. */
  readonly common: Readonly<Record<string, unknown>>
}

/** Returns the items of a list; undefined if the object is not a list. */
const itemsOf = (object: unknown): Items | undefined => {
  if (Array.isArray(object)) return { items: object, common: {} }
  if (!Predicate.isObject(object)) return undefined
  const { apiVersion, items, kind } = object
  if (typeof kind !== "string" || !kind.endsWith("List")) return undefined
  const itemKind = kind.slice(0, -"List".length)
  if (itemKind === "") return Predicate.isNullish(items) ? { items: [], common: {} } : itemsOf(items)
  return Array.isArray(items) ? { items, common: { apiVersion, kind: itemKind } } : undefined
}

/** Replaces lists by their items, in order. Undefined if there are more than `maxObjects` objects and lists. */
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
