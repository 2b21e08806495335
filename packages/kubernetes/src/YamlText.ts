import { Result } from "effect"
import type * as JsYaml from "js-yaml"

/** The maximum nesting depth of a YAML text. */
export const maxDepth = 100

/**
 * The maximum number of places where a value may begin, in a text that is not JSON. These places are line breaks,
 * commas, opening brackets, and `-`, `?` or `:` between blanks. The limit bounds the memory, since each value takes
 * several hundred bytes.
 */
export const maxParts = 200_000

/** The maximum number of documents in one text. */
export const maxDocuments = 10_000

/** The maximum number of aliases in one text. */
export const maxAliases = 10_000

/** The maximum total number of characters of all values in a text after its aliases are expanded. */
export const maxExpanded = 8 * 1024 * 1024

type Parsed = Result.Result<ReadonlyArray<unknown>, string>

/**
 * Parses all documents of a JSON or YAML text. Like Kubernetes' own tools, uses the last of two equal keys and ignores
 * unknown tags. The promise never rejects. A failed result describes the problem, with the line if known, and does not
 * quote the text. The time is proportional to the length of the text.
 */
export const parse = (text: string): Promise<Parsed> => {
  const json = /^\s*[[{]/.test(text) ? parseJson(text) : undefined
  if (json !== undefined) return Promise.resolve(json)
  // Loaded when first needed, to save memory.
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

/**
 * Character codes of the indicators `-`, `?` and `:`. An indicator between blanks begins an item, a key or a value
 * (YAML 1.2, section 8.2).
 */
const indicators: ReadonlySet<number> = new Set(["-", "?", ":"].map((character) => character.charCodeAt(0)))

/** True if the code is white space or NaN. `charCodeAt` returns NaN before the start and after the end of the text. */
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
    return Result.fail(`it is not JSON and has more than ${maxParts} lines, items, commas and brackets`)
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

// The parser's messages quote the text, so only their line number is used.
const explain = (yaml: typeof JsYaml, error: unknown): string => {
  if (!(error instanceof yaml.YAMLException) || error.mark === undefined) return "it is not valid YAML"
  const isDeep = error.reason.startsWith("nesting exceeded")
  return `line ${error.mark.line + 1} is ${isDeep ? `nested more than ${maxDepth} deep` : "not valid YAML"}`
}

const never = () => false

/** Returns the YAML 1.2 core schema, extended by merge keys (`<<`). Tags that are not in this schema are ignored. */
const schemaOf = (yaml: typeof JsYaml): JsYaml.Schema =>
  yaml.CORE_SCHEMA.withTags(
    yaml.mergeTag,
    yaml.defineScalarTag("", { matchByTagPrefix: true, resolve: (source) => source, identify: never }),
    yaml.defineSequenceTag("", { ...yaml.seqTag, matchByTagPrefix: true, identify: never }),
    yaml.defineMappingTag("", { ...yaml.mapTag, matchByTagPrefix: true, identify: never })
  )

/**
 * The number of characters that {@link isLarger} adds for each value. They represent, for example, a comma or the
 * brackets of an empty list.
 */
const perValue = 2

/**
 * True if the documents have more than `maxExpanded` characters after all aliases are expanded. A circular document
 * always has more.
 */
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
