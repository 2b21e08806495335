import type * as Yaml from "yaml"
import { Effect, Option, Predicate, Result, Schema } from "effect"

type Parsed = Result.Result<ReadonlyArray<unknown>, string>

const decodeJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

/**
 * The objects of a JSON or YAML text: single objects, arrays, `kind: List` and `*List` with their items, any number
 * of YAML documents. Fails with what is wrong and the line, showing nothing of the text. A text without a document is
 * refused: it is far more often a file being rewritten than one meant to name no registry (`items: []` says that).
 */
export const parse = Effect.fnUntraced(function* (text: string): Effect.fn.Return<Parsed> {
  const json = /^\s*[[{]/.test(text) ? decodeJson(text) : Option.none()
  const documents = Option.isSome(json) ? Result.succeed([json.value]) : yield* parseYaml(text)
  if (Result.isFailure(documents)) return Result.fail(documents.failure)
  const present = documents.success.filter(Predicate.isNotNullish)
  if (present.length === 0) return Result.fail("it is empty")
  const objects = present.flatMap((document) => items(document))
  if (
    !present.every((document) => Predicate.isObjectOrArray(document)) ||
    (objects.length > 0 && !objects.some(isTyped))
  ) {
    return Result.fail("it holds something else than Kubernetes objects")
  }
  return Result.succeed(objects)
})

/** A single thing that is no Kubernetes object hurts only itself; where nothing is one, the file is another file. */
const isTyped = (object: unknown): boolean =>
  Predicate.isObject(object) && typeof object["apiVersion"] === "string" && typeof object["kind"] === "string"

const items = (document: unknown): ReadonlyArray<unknown> => {
  if (Array.isArray(document)) return document
  if (!Predicate.isObject(document)) return [document]
  const { apiVersion, items, kind } = document
  if (typeof kind !== "string" || !kind.endsWith("List") || !Array.isArray(items)) return [document]
  // The API server leaves kind and apiVersion out of a typed list's items.
  const itemKind = kind.slice(0, -"List".length)
  return items.map((item: unknown) =>
    itemKind !== "" && Predicate.isObject(item) ? { apiVersion, kind: itemKind, ...item } : item
  )
}

// Loaded when first needed: a program without YAML credentials files does not pay its memory.
const loadYaml = Effect.tryPromise(() => import("yaml"))

const parseYaml = (text: string): Effect.Effect<Parsed> =>
  Effect.map(
    Effect.result(loadYaml),
    Result.match({
      onFailure: () => Result.fail("the YAML parser could not be loaded"),
      onSuccess: (yaml) => readYaml(yaml, text)
    })
  )

// Its messages quote the text, so that only codes and lines are taken from it.
const readYaml = (yaml: typeof Yaml, text: string): Parsed => {
  try {
    const lines = new yaml.LineCounter()
    const documents = yaml.parseAllDocuments(text, {
      lineCounter: lines,
      logLevel: "silent",
      merge: true,
      prettyErrors: false,
      resolveKnownTags: false,
      stringKeys: true
    })
    for (const { errors } of documents) {
      const error = errors[0]
      if (error !== undefined) {
        const words = error.code.toLowerCase().replaceAll("_", " ")
        return Result.fail(`line ${lines.linePos(error.pos[0]).line} is not valid YAML (${words})`)
      }
    }
    return Result.succeed(documents.map((document) => document.toJS({ maxAliasCount: 100 }) as unknown))
  } catch {
    return Result.fail("it cannot be read as YAML (nested too deeply, or too many aliases)")
  }
}
