import { Metric } from "effect"
import { requiredRule } from "../packages/credential-store/src/kinds/Kinds.ts"
import type { ObjectKind } from "../packages/credential-store/src/kinds/ObjectKind.ts"
import type { DocumentedValue } from "../packages/deploy/src/DocumentedValues.ts"
import { type Flag, variableName } from "../packages/proxy/src/config/Flag.ts"
import type { Route } from "../packages/proxy/src/http/request/Routes.ts"
import type { OtelVariable } from "../packages/proxy/src/telemetry/OtelVariable.ts"
import { wrapProse } from "./Prose.ts"

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ")
const code = (text: string): string => `\`${text}\``

/** Formats a Markdown table. */
export const markdownTable = (
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>
): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n")

/** Splits text after its first sentence. The second sentence must begin with a capital letter or a backtick. */
const sentences = (text: string): readonly [first: string, rest: string] => {
  const [, first = text, rest = ""] = /^(.*?\.)\s+((?=[A-Z`])[^]*)$/.exec(text.replaceAll("\n", " ")) ?? []
  return [first, rest]
}

/** Formats an item of the list below a table, and breaks long lines. Returns no item if all `texts` are empty. */
const item = (names: ReadonlyArray<string>, texts: ReadonlyArray<string>): ReadonlyArray<string> => {
  const text = texts.filter((each) => each !== "").join(" ")
  return text === "" ? [] : [wrapProse(`- ${names.map(code).join(", ")}: ${text}`)]
}

const shownDefault = (value: string): string =>
  value.includes(" ") || value === "none" ? value : code(value)

const accepts = (text: string): string => `Accepts ${text}.`

interface Described {
  readonly names: ReadonlyArray<string>
  readonly shown: string
  readonly default: string
  readonly meaning: string
  /** A sentence about the accepted values, for the list below the table. May be empty. */
  readonly rest: string
}

/** Formats a table with the first sentence of each `meaning`. A list below the table has the other sentences. */
const describedTable = (head: string, all: ReadonlyArray<Described>): string =>
  [
    markdownTable(
      [head, "Default", "Meaning"],
      all.map((each) => [code(each.shown), each.default, sentences(each.meaning)[0]])
    ),
    all.flatMap(({ meaning, names, rest }) => item(names, [sentences(meaning)[1], rest])).join("\n")
  ]
    .filter((part) => part !== "")
    .join("\n\n")

/** Formats the table of flags with their descriptions from `--help`. A list below the table has the accepted values. */
export const flagTable = (flags: ReadonlyArray<Flag<unknown>>): string =>
  describedTable(
    "Flag",
    flags.map((flag) => ({
      names: [`--${flag.name}`, variableName(flag)],
      shown: `--${flag.name}${flag.metavar === undefined ? "" : ` ${flag.metavar}`}`,
      default: shownDefault(flag.default),
      meaning: flag.description,
      rest: accepts(flag.accepts)
    }))
  )

/** Formats the table of OpenTelemetry variables. A list below the table has the accepted values. */
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

/** Formats the table of the chart's values. */
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

/** Formats the table of routes, with their queries and responses. */
export const routeTable = (routes: ReadonlyArray<Route>): string =>
  markdownTable(
    ["Path", "Methods", "Response"],
    routes.map(({ documentedResponse, methods, path, query }) => [
      code(path + query),
      methods.join(", "),
      documentedResponse
    ])
  )

/** Formats the table of routes. For each route, the table shows the permission that the secure port requires. */
export const accessTable = (routes: ReadonlyArray<Route>): string =>
  markdownTable(
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

/**
 * Formats the table of the Kubernetes objects that registry-packages-proxy watches or creates. The table has the RBAC
 * verbs that registry-packages-proxy needs for each kind of object.
 */
export const objectTable = (kinds: ReadonlyArray<ObjectKind>): string =>
  markdownTable(
    ["What", "Verbs", "For", "If it does not exist", "In `/readyz`"],
    [
      ...kinds.map((kind) => [
        kind.name === undefined
          ? code(`${kind.plural}.${kind.group}`)
          : `${kind.kind} ${code(`${kind.namespace}/${kind.name}`)}, by name`,
        requiredRule(kind).verbs.join(", "),
        kind.purpose,
        kind.isOptional ? "the program is ready without it" : "not ready",
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

/**
 * Adds the export `declaredMetrics` to the text of a module. This array contains all metrics that are declared as
 * constants.
 */
export const exportMetrics = (source: string): string => {
  const names = [...source.matchAll(/^(?:export )?const (\w+) = Metric\.\w+\(/gm)].map(([, name]) => name)
  return `${source}\nexport const declaredMetrics = [${names.join(", ")}]\n`
}

/**
 * Returns the metrics that a module exports. Finds metrics in exported arrays and records too. Throws if `source`, the
 * text of the module, declares more metrics than the module exports.
 */
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

/** Formats the table of metrics, sorted by name. Throws if a metric has no description. */
export const metricTable = (metrics: ReadonlyArray<AnyMetric>): string =>
  markdownTable(
    ["Metric", "Type", "Meaning"],
    metrics
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .map((metric) => {
        if (metric.description === undefined) throw new Error(`the metric ${metric.id} has no description`)
        return [code(metric.id), metric.type.toLowerCase(), metric.description]
      })
  )

/** Replaces the text between `<!-- name:start -->` and `<!-- name:end -->`, for each `name` in `sections`. */
export const replaceSections = (text: string, sections: Readonly<Record<string, string>>): string =>
  Object.entries(sections).reduce(
    (text, [name, content]) =>
      text.replace(
        new RegExp(`(<!-- ${name}:start -->\n)[^]*?(<!-- ${name}:end -->)`, "g"),
        (_, start: string, end: string) => `${start}\n${content}\n\n${end}`
      ),
    text
  )

/** True if `text` has both markers of the section. */
export const hasSection = (text: string, name: string): boolean =>
  text.includes(`<!-- ${name}:start -->\n`) && text.includes(`<!-- ${name}:end -->`)
