import { Metric } from "effect"
import { permissions } from "../packages/credential-store/src/kinds/Kinds.ts"
import type { ObjectKind } from "../packages/credential-store/src/kinds/ObjectKind.ts"
import type { DocumentedValue } from "../packages/deploy/src/DocumentedValues.ts"
import { type Flag, variable } from "../packages/proxy/src/config/Flag.ts"
import type { Route } from "../packages/proxy/src/http/request/Routes.ts"
import type { OtelVariable } from "../packages/proxy/src/telemetry/OtelVariable.ts"
import { wrapped } from "./Prose.ts"

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ")
const code = (text: string): string => `\`${text}\``

/** A Markdown table. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n")

/** Splits text after its first sentence, if the next one begins with a capital letter or code. */
const sentences = (text: string): readonly [first: string, rest: string] => {
  const [, first = text, rest = ""] = /^(.*?\.)\s+((?=[A-Z`])[^]*)$/.exec(text.replaceAll("\n", " ")) ?? []
  return [first, rest]
}

/** An item below a table, in lines of prose. */
const item = (names: ReadonlyArray<string>, texts: ReadonlyArray<string>): ReadonlyArray<string> => {
  const text = texts.filter((each) => each !== "").join(" ")
  return text === "" ? [] : [wrapped(`- ${names.map(code).join(", ")}: ${text}`)]
}

const shownDefault = (value: string): string =>
  value.includes(" ") || value === "none" ? value : code(value)

const accepts = (text: string): string => `Accepts ${text}.`

interface Described {
  readonly names: ReadonlyArray<string>
  readonly shown: string
  readonly default: string
  readonly meaning: string
  /** The text about it below the table. */
  readonly rest: string
}

/** A table, and a list with the texts that do not fit into it. */
const describedTable = (head: string, all: ReadonlyArray<Described>): string =>
  [
    table(
      [head, "Default", "Meaning"],
      all.map((each) => [code(each.shown), each.default, sentences(each.meaning)[0]])
    ),
    all.flatMap(({ meaning, names, rest }) => item(names, [sentences(meaning)[1], rest])).join("\n")
  ]
    .filter((part) => part !== "")
    .join("\n\n")

/** One row for each flag, with its text in `--help`; accepted values are below the table. */
export const flagTable = (flags: ReadonlyArray<Flag<unknown>>): string =>
  describedTable(
    "Flag",
    flags.map((flag) => ({
      names: [`--${flag.name}`, variable(flag)],
      shown: `--${flag.name}${flag.metavar === undefined ? "" : ` ${flag.metavar}`}`,
      default: shownDefault(flag.default),
      meaning: flag.description,
      rest: accepts(flag.accepts)
    }))
  )

/** One row for each OpenTelemetry variable; accepted values are below the table. */
export const variableTable = (variables: ReadonlyArray<OtelVariable<unknown>>): string =>
  describedTable(
    "Variable",
    variables.map((each) => ({
      names: [each.name],
      shown: each.name,
      default: shownDefault(each.default),
      meaning: each.meaning,
      rest: accepts(each.accepts)
    }))
  )

const longestDefault = 60

/** One row for each value of the chart. */
export const valueTable = (values: ReadonlyArray<DocumentedValue>): string =>
  describedTable(
    "Value",
    values.map(({ default: value, description, path }) => {
      const text = JSON.stringify(value)
      return {
        names: [path],
        shown: path,
        default: text.length > longestDefault ? "see values.yaml" : code(text),
        meaning: description,
        rest: ""
      }
    })
  )

/** One row for each route, with its query and response. */
export const routeTable = (routes: ReadonlyArray<Route>): string =>
  table(
    ["Path", "Methods", "Answer"],
    routes.map(({ answer, methods, path, query }) => [code(path + query), methods.join(", "), answer])
  )

/** One row for each route, with the right that the secure port checks. */
export const accessTable = (routes: ReadonlyArray<Route>): string =>
  table(
    ["Path", "Needs", "Name, namespace"],
    [
      ...routes.map(({ access, path }) =>
        access === "anonymous"
          ? [code(path), "nothing", ""]
          : [
              code(path),
              `${code(access.verb)} on ${code(`${access.resource}.${access.group}/${access.subresource}`)}`,
              `${code(access.name)}, ${code(access.namespace)}`
            ]
      ),
      ["anything else", "does not exist: 404 to everyone", ""]
    ]
  )

/** One row for each kind of object that the program watches, with the rights it needs. */
export const rightTable = (kinds: ReadonlyArray<ObjectKind>): string =>
  table(
    ["What", "Verbs", "For", "Where it is absent", "In `/readyz`"],
    [
      ...kinds.map((kind) => [
        kind.name === undefined
          ? code(`${kind.plural}.${kind.group}`)
          : `${kind.kind} ${code(`${kind.namespace}/${kind.name}`)}, by name`,
        permissions(kind).verbs.join(", "),
        kind.purpose,
        kind.isOptional ? "ready without it" : "not ready",
        code(kind.awaited)
      ]),
      ["`tokenreviews`, `subjectaccessreviews`", "create", "the secure port", "", ""]
    ]
  )

type AnyMetric = Metric.Metric<never, unknown>

const metricsIn = (value: unknown): ReadonlyArray<AnyMetric> => {
  if (Metric.isMetric(value)) return [value]
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(metricsIn) : []
}

const declaration = /\bMetric\.(?:counter|gauge|histogram|summary|frequency|timer)\(/g

/** `source` with one more export: every metric that it declares in a constant. */
export const exportMetrics = (source: string): string => {
  const names = [...source.matchAll(/^(?:export )?const (\w+) = Metric\.\w+\(/gm)].map(([, name]) => name)
  return `${source}\nexport const declaredMetrics = [${names.join(", ")}]\n`
}

/** The metrics that a module exports, alone or in arrays and records. Fails if `source` declares others too. */
export const metricsOf = (
  file: string,
  source: string,
  module: Readonly<Record<string, unknown>>
): ReadonlyArray<AnyMetric> => {
  const byId = new Map(
    Object.values(module)
      .flatMap(metricsIn)
      .map((metric) => [metric.id, metric])
  )
  const declared = source.match(declaration)?.length ?? 0
  if (declared > byId.size) {
    throw new Error(
      `${file} declares ${declared} metrics and ${byId.size} are found: give each a constant of its own, so that it is documented`
    )
  }
  return [...byId.values()]
}

/** One row for each metric, by name. */
export const metricTable = (metrics: ReadonlyArray<AnyMetric>): string =>
  table(
    ["Metric", "Type", "Meaning"],
    metrics
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .map((metric) => {
        if (metric.description === undefined) throw new Error(`the metric ${metric.id} has no description`)
        return [code(metric.id), metric.type.toLowerCase(), metric.description]
      })
  )

/** Replaces the text between `<!-- name:start -->` and `<!-- name:end -->`, for each section. */
export const replaceSections = (text: string, sections: Readonly<Record<string, string>>): string =>
  Object.entries(sections).reduce(
    (text, [name, content]) =>
      text.replace(
        new RegExp(`(<!-- ${name}:start -->\n)[^]*?(<!-- ${name}:end -->)`, "g"),
        (_, start: string, end: string) => `${start}\n${content}\n\n${end}`
      ),
    text
  )

/** True if `text` has a place for the section. */
export const hasSection = (text: string, name: string): boolean =>
  text.includes(`<!-- ${name}:start -->\n`) && text.includes(`<!-- ${name}:end -->`)
