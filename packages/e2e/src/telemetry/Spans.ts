import { Schema } from "effect"

const Value = Schema.Struct({
  stringValue: Schema.optionalKey(Schema.String),
  intValue: Schema.optionalKey(Schema.Union([Schema.String, Schema.Number])),
  boolValue: Schema.optionalKey(Schema.Boolean),
  doubleValue: Schema.optionalKey(Schema.Number)
})
const Attributes = Schema.optionalKey(Schema.Array(Schema.Struct({ key: Schema.String, value: Value })))

const OtlpSpan = Schema.Struct({
  traceId: Schema.String,
  spanId: Schema.String,
  parentSpanId: Schema.optionalKey(Schema.String),
  name: Schema.String,
  kind: Schema.optionalKey(Schema.Number),
  startTimeUnixNano: Schema.String,
  attributes: Attributes,
  events: Schema.optionalKey(Schema.Array(Schema.Struct({ name: Schema.String, attributes: Attributes }))),
  links: Schema.optionalKey(Schema.Array(Schema.Struct({ traceId: Schema.String, spanId: Schema.String }))),
  status: Schema.optionalKey(Schema.Struct({ code: Schema.optionalKey(Schema.Number) }))
})

const Line = Schema.fromJsonString(
  Schema.Struct({
    resourceSpans: Schema.Array(
      Schema.Struct({ scopeSpans: Schema.Array(Schema.Struct({ spans: Schema.Array(OtlpSpan) })) })
    )
  })
)
const decodeLine = Schema.decodeUnknownSync(Line)

/** A span in OTLP's JSON format, as the collector writes it to its file. */
export type Span = typeof OtlpSpan.Type

/** Parses `text`, which is the content of the collector's file for traces, and returns all spans. */
export const parse = (text: string): ReadonlyArray<Span> =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) => decodeLine(line).resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))

type Values = NonNullable<Span["attributes"]>

const valueOf = (attributes: Values | undefined, name: string): string | undefined => {
  const value = attributes?.find(({ key }) => key === name)?.value
  const found = value?.stringValue ?? value?.intValue ?? value?.doubleValue ?? value?.boolValue
  return found === undefined ? undefined : String(found)
}

/** Returns the value of a span's attribute as text. Undefined means that the span does not have the attribute. */
export const attribute = ({ attributes }: Span, name: string): string | undefined => valueOf(attributes, name)

const isFailed = ({ status }: Span): boolean => status?.code === 2

/** Returns the texts that follow the span's name in a line of the tree: status, cache result, error type and events. */
const details = (span: Span): ReadonlyArray<string> => {
  const shown = [
    attribute(span, "http.response.status_code"),
    attribute(span, "registry_packages_proxy.package.cache.result"),
    isFailed(span) ? `failed ${attribute(span, "error.type") ?? ""}` : undefined
  ]
  const events = (span.events ?? []).map(({ name }) => `(${name})`)
  return [...shown.flatMap((text) => (text === undefined ? [] : [text])), ...events]
}

/**
 * Formats a trace as an indented tree with one line for each span. Spans with the same parent are sorted by start time.
 */
export const formatTree = (spans: ReadonlyArray<Span>, traceId: string): string => {
  const own = spans
    .filter((span) => span.traceId === traceId)
    .toSorted((one, other) => (BigInt(one.startTimeUnixNano) < BigInt(other.startTimeUnixNano) ? -1 : 1))
  const ids = new Set(own.map(({ spanId }) => spanId))
  const draw = (span: Span, indent: string): ReadonlyArray<string> => [
    [`${indent}${span.name}`, ...details(span)].join(" "),
    ...own
      .filter(({ parentSpanId }) => parentSpanId === span.spanId)
      .flatMap((child) => draw(child, `${indent}  `))
  ]
  return own
    .filter(({ parentSpanId }) => parentSpanId === undefined || !ids.has(parentSpanId))
    .flatMap((span) => draw(span, ""))
    .join("\n")
}
