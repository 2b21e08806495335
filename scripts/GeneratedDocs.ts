import { Metric } from "effect"
import { type Flag, variable } from "../packages/proxy/src/config/Flag.ts"
import type { OtelVariable } from "../packages/proxy/src/telemetry/OtelVariable.ts"

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ")
const code = (text: string): string => `\`${text}\``

/** A Markdown table. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n")

/** One row a flag, with what `--help` says of it. */
export const flagTable = (flags: ReadonlyArray<Flag<unknown>>): string =>
  table(
    ["Flag", "Variable", "Default", "Meaning", "Accepts"],
    flags.map((flag) => [
      code(`--${flag.name}${flag.metavar === undefined ? "" : ` ${flag.metavar}`}`),
      code(variable(flag)),
      flag.default.includes(" ") || flag.default === "none" ? flag.default : code(flag.default),
      flag.description,
      flag.accepts
    ])
  )

/** One row a variable of OpenTelemetry's. */
export const variableTable = (variables: ReadonlyArray<OtelVariable<unknown>>): string =>
  table(
    ["Variable", "Default", "Meaning", "Accepts"],
    variables.map(({ accepts, default: usual, meaning, name }) => [
      code(name),
      usual.includes(" ") || usual === "none" ? usual : code(usual),
      meaning,
      accepts
    ])
  )

type AnyMetric = Metric.Metric<never, unknown>

const metricsIn = (value: unknown): ReadonlyArray<AnyMetric> => {
  if (Metric.isMetric(value)) return [value]
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(metricsIn) : []
}

const declaration = /\bMetric\.(?:counter|gauge|histogram|summary|frequency|timer)\(/g

/** `source` with an export more: every metric it declares in a constant of its own. */
export const exportMetrics = (source: string): string => {
  const names = [...source.matchAll(/^(?:export )?const (\w+) = Metric\.\w+\(/gm)].map(([, name]) => name)
  return `${source}\nexport const declaredMetrics = [${names.join(", ")}]\n`
}

/**
 * The metrics a module exports, alone or in arrays and records. Fails when `source` declares more than those, since
 * the list would then lack one.
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

/** One row a metric, by name. */
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

/** `text` with what stands between `<!-- name:start -->` and `<!-- name:end -->` replaced, for each section. */
export const replaceSections = (text: string, sections: Readonly<Record<string, string>>): string =>
  Object.entries(sections).reduce(
    (text, [name, content]) =>
      text.replace(
        new RegExp(`(<!-- ${name}:start -->\n)[^]*?(<!-- ${name}:end -->)`, "g"),
        (_, start: string, end: string) => `${start}\n${content}\n\n${end}`
      ),
    text
  )

/** Whether `text` has a place for the section. */
export const hasSection = (text: string, name: string): boolean =>
  text.includes(`<!-- ${name}:start -->\n`) && text.includes(`<!-- ${name}:end -->`)
