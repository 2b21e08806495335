import type { Exemplars } from "./Exemplars.ts"

export const contentType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

const qualityOf = (member: string): number => {
  const quality = /;\s*q=(\d(?:\.\d{0,3})?)\s*(?:;|$)/i.exec(member)?.[1]
  return quality === undefined ? 1 : Number(quality)
}

/**
 * True if an Accept header allows OpenMetrics with at least the quality of Prometheus' text format (RFC 9110, section
 * 12.5.1).
 */
export const isPreferred = (accept: string | undefined): boolean => {
  let open = 0
  let plain = 0
  for (const member of (accept ?? "").split(",")) {
    const type = member.split(";", 1)[0]?.trim().toLowerCase()
    if (type === "application/openmetrics-text") open = Math.max(open, qualityOf(member))
    if (type === "text/plain") plain = Math.max(plain, qualityOf(member))
  }
  return open > 0 && open >= plain
}

const sample = /^(\w+)(?:\{(.*)\})? (\S+)$/
const bucket = /^(.*?),?le="([^"]+)"$/

const canonical = (boundary: string): string => (/^\d+$/.test(boundary) ? `${boundary}.0` : boundary)

/**
 * Returns the line of a histogram's bucket with its boundary in OpenMetrics notation, and with its exemplar if there is
 * one.
 */
const bucketLine = (line: string, exemplars: Exemplars): string => {
  const [, name = "", labels = "", count = ""] = sample.exec(line) ?? []
  const [, otherLabels = "", boundary = ""] = bucket.exec(labels) ?? []
  const head = `${name}{${otherLabels === "" ? "" : `${otherLabels},`}le="${canonical(boundary)}"} ${count}`
  const found = exemplars.find(
    `${name.slice(0, -"_bucket".length)}{${otherLabels}}`,
    boundary === "+Inf" ? Number.POSITIVE_INFINITY : Number(boundary)
  )
  return found === undefined
    ? head
    : `${head} # {trace_id="${found.traceId}"} ${found.value} ${(found.timeMillis / 1000).toFixed(3)}`
}

/**
 * Converts Prometheus' text format to OpenMetrics. Removes `_total` from the names of counter families, escapes quotes
 * in help texts, writes bucket boundaries as floating-point numbers, and adds exemplars and `# EOF`.
 *
 * Source: OpenMetrics 1.0, "Text format".
 */
export const fromPrometheus = (text: string, exemplars: Exemplars): string => {
  const counters = new Set(
    Array.from(text.matchAll(/^# TYPE (\w+)_total counter$/gm), ([, name]) => name ?? "")
  )
  const lines = text.split("\n").map((line) => {
    const [, kind, name = "", rest = ""] = /^# (HELP|TYPE) (\w+) ?(.*)$/.exec(line) ?? []
    if (kind !== undefined) {
      const short = name.replace(/_total$/, "")
      const shown = kind === "HELP" ? rest.replaceAll('"', '\\"') : rest
      return `# ${kind} ${counters.has(short) ? short : name} ${shown}`
    }
    return line.includes('le="') ? bucketLine(line, exemplars) : line
  })
  return `${lines.join("\n")}# EOF\n`
}
