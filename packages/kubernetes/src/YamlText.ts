import { Result } from "effect"
import type * as JsYaml from "js-yaml"

/** The deepest nesting read. */
export const maxDepth = 100

/**
 * The most line breaks, commas, opening brackets and indicators that stand alone (`- - - a` are three lists in one line) in
 * a text that is no JSON: each may be a value, which takes some hundred bytes.
 */
export const maxParts = 200_000

/** The most documents in one text. */
export const maxDocuments = 10_000

/** The most aliases in one text. */
export const maxAliases = 10_000

/** The most characters a text may have once its aliases are written out. */
export const maxExpanded = 8 * 1024 * 1024

type Parsed = Result.Result<ReadonlyArray<unknown>, string>

/**
 * The documents of a JSON or YAML text, as Kubernetes' own tools read them: of two equal keys the last counts, and a tag
 * that is not known does not matter. Fails with what is wrong, and where, in words that show nothing of the text. Takes
 * time in proportion to the text's length, whatever it holds.
 */
export const parse = (text: string): Promise<Parsed> => {
  const json = /^\s*[[{]/.test(text) ? parseJson(text) : undefined
  if (json !== undefined) return Promise.resolve(json)
  // Loaded when first needed: a program without YAML does not pay its memory.
  return import("js-yaml").then(
    (yaml) => parseYaml(yaml, text),
    () => Result.fail("the YAML parser could not be loaded")
  )
}

const parseJson = (text: string): Parsed | undefined => {
  try {
    return Result.succeed([JSON.parse(text) as unknown])
  } catch {
    return undefined
  }
}

const separators: ReadonlySet<number> = new Set(
  ["\n", "\r", ",", "[", "{"].map((character) => character.charCodeAt(0))
)

/** What begins an item, a key or a value where it stands alone (YAML 1.2, section 8.2). */
const indicators: ReadonlySet<number> = new Set(["-", "?", ":"].map((character) => character.charCodeAt(0)))

/** White space, or either end of the text. */
const isBlank = (code: number): boolean => !(code > 0x20)

const hasTooManyParts = (text: string): boolean => {
  let count = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    const isPart =
      separators.has(code) ||
      (indicators.has(code) && isBlank(text.charCodeAt(at - 1)) && isBlank(text.charCodeAt(at + 1)))
    if (isPart && ++count > maxParts) return true
  }
  return false
}

const parseYaml = (yaml: typeof JsYaml, text: string): Parsed => {
  if (hasTooManyParts(text)) {
    return Result.fail(`it is no JSON, and has more than ${maxParts} lines, items, commas and brackets`)
  }
  try {
    const events = yaml.parseEvents(text, { maxDepth })
    const count = (type: number): number =>
      events.reduce((sum, event) => sum + Number(event.type === type), 0)
    if (count(yaml.EVENT_ID.DOCUMENT) > maxDocuments) {
      return Result.fail(`it has more than ${maxDocuments} YAML documents`)
    }
    const aliases = count(yaml.EVENT_ID.ALIAS)
    if (aliases > maxAliases) return Result.fail(`it has more than ${maxAliases} YAML aliases`)
    const documents = yaml.constructFromEvents(events, { source: text, schema: schemaOf(yaml), json: true })
    return aliases > 0 && isLarger(documents)
      ? Result.fail("its YAML aliases make it too large")
      : Result.succeed(documents)
  } catch (error) {
    return Result.fail(explain(yaml, error))
  }
}

// The parser's own messages quote the text: only lines are taken from them.
const explain = (yaml: typeof JsYaml, error: unknown): string => {
  if (!(error instanceof yaml.YAMLException) || error.mark === undefined) return "it is not valid YAML"
  const isDeep = error.reason.startsWith("nesting exceeded")
  return `line ${error.mark.line + 1} is ${isDeep ? `nested more than ${maxDepth} deep` : "not valid YAML"}`
}

const never = () => false

/** YAML 1.2's core schema, merge keys, and every other tag passed over. */
const schemaOf = (yaml: typeof JsYaml): JsYaml.Schema =>
  yaml.CORE_SCHEMA.withTags(
    yaml.mergeTag,
    yaml.defineScalarTag("", { matchByTagPrefix: true, resolve: (source) => source, identify: never }),
    yaml.defineSequenceTag("", { ...yaml.seqTag, matchByTagPrefix: true, identify: never }),
    yaml.defineMappingTag("", { ...yaml.mapTag, matchByTagPrefix: true, identify: never })
  )

/** What a value takes beside its text: a number, a comma, the brackets of an empty list. */
const perValue = 2

/** Whether documents are larger than {@link maxExpanded} once every alias is written out, as one in a circle always is. */
const isLarger = (documents: ReadonlyArray<unknown>): boolean => {
  const waiting: Array<unknown> = [...documents]
  for (let size = 0; size <= maxExpanded;) {
    if (waiting.length === 0) return false
    const value = waiting.pop()
    size += perValue
    if (typeof value === "string") {
      size += value.length
    } else if (Array.isArray(value)) {
      for (const item of value as ReadonlyArray<unknown>) waiting.push(item)
    } else if (typeof value === "object" && value !== null) {
      for (const [key, item] of Object.entries(value)) {
        size += key.length
        waiting.push(item)
      }
    }
  }
  return true
}
