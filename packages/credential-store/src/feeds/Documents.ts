import * as YamlText from "@registry-packages-proxy/kubernetes/YamlText"
import { Effect, Predicate, Result } from "effect"

/** The most objects in one text: each is decoded, and told of where it is broken. */
export const maxObjects = 5_000

/**
 * The objects of a JSON or YAML text: single objects, arrays, `kind: List` and `*List` with their items, Lists among
 * those too, any number of YAML documents. Fails with what is wrong and the line, showing nothing of the text. What is no
 * object hurts only itself. A text without a document is refused: it is far more often a file being rewritten than one
 * meant to name no registry (`items: []` says that).
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
      ? Result.fail("it holds something else than Kubernetes objects")
      : Result.succeed(objects)
  })
})

/** Where nothing is a Kubernetes object, the file is another file. */
const isTyped = (object: unknown): boolean =>
  Predicate.isObject(object) && typeof object["apiVersion"] === "string" && typeof object["kind"] === "string"

/** What is in a list. */
interface Items {
  readonly items: ReadonlyArray<unknown>
  /** What they leave out, as the API server does in a typed list. */
  readonly common: Readonly<Record<string, unknown>>
}

/** The items of a list; undefined for what is none. */
const itemsOf = (object: unknown): Items | undefined => {
  if (Array.isArray(object)) return { items: object, common: {} }
  if (!Predicate.isObject(object)) return undefined
  const { apiVersion, items, kind } = object
  if (typeof kind !== "string" || !kind.endsWith("List")) return undefined
  const itemKind = kind.slice(0, -"List".length)
  if (itemKind === "") return Predicate.isNullish(items) ? { items: [], common: {} } : itemsOf(items)
  return Array.isArray(items) ? { items, common: { apiVersion, kind: itemKind } } : undefined
}

/** Objects with lists replaced by what is in them, in order; undefined where they are too many. */
const flatten = (documents: ReadonlyArray<unknown>): ReadonlyArray<unknown> | undefined => {
  const objects: Array<unknown> = []
  const open: Array<Items & { next: number }> = [{ items: documents, common: {}, next: 0 }]
  let seen = 0
  for (let list = open.at(-1); list !== undefined; list = open.at(-1)) {
    if (list.next === list.items.length) {
      open.pop()
      continue
    }
    if (++seen > maxObjects) return undefined
    const object = list.items[list.next++]
    const inside = itemsOf(object)
    if (inside !== undefined) open.push({ ...inside, next: 0 })
    else objects.push(Predicate.isObject(object) ? { ...list.common, ...object } : object)
  }
  return objects
}
