/** The data of a span that `render` shows. */
export interface SpanView {
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly name: string
  /** The start time in milliseconds since the epoch. */
  readonly startMillis: number
  readonly durationMillis: number
  /** The status message of a failed span. Undefined for a successful span. */
  readonly error: string | undefined
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: ReadonlyArray<{
    readonly name: string
    readonly attributes: Readonly<Record<string, unknown>>
  }>
  /** The ids of the spans to which this span has links. */
  readonly links: ReadonlyArray<string>
}

const durationText = (value: number): string => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`

/** The attributes that a tree omits. Most of them repeat the span's name or the attributes of another span. */
const hiddenAttributes = new Set([
  "http.request.method",
  "http.route",
  "url.path",
  "url.scheme",
  "network.protocol.version",
  "server.address",
  "server.port",
  "client.address",
  "error.type"
])

const shortNames: Readonly<Record<string, string>> = {
  "url.full": "url",
  "http.response.status_code": "status",
  "http.request.resend_count": "resend"
}

/**
 * Returns the attributes as text, except hidden and empty ones. Replaces a name by its entry in `shortNames`. If there
 * is no entry, shortens the name to the part after the last dot.
 */
const attributesText = (attributes: Readonly<Record<string, unknown>>): string =>
  Object.entries(attributes)
    .filter(([name, value]) => !hiddenAttributes.has(name) && value !== "")
    .map(([name, value]) => {
      const text = String(value).replaceAll(/(sha\d+:[\da-f]{8})[\da-f]+/g, "$1…")
      return ` ${shortNames[name] ?? name.slice(name.lastIndexOf(".") + 1)}=${text}`
    })
    .join("")

// Empty if the attributes contain an HTTP status, which already shows the failure.
const failureText = ({ attributes: { "error.type": type, ...attributes }, error }: SpanView): string =>
  error === undefined || "http.response.status_code" in attributes
    ? ""
    : `  failed: ${typeof type === "string" ? type : error}`

const line = (span: SpanView): string => {
  const links = span.links.map((id) => ` → ${id}`).join("")
  return `${span.name}  ${durationText(span.durationMillis)} ${attributesText(span.attributes)}${links}${failureText(span)}`
}

const draw = (
  span: SpanView,
  childrenOf: ReadonlyMap<string, ReadonlyArray<SpanView>>,
  indent: string
): ReadonlyArray<string> => {
  const children = (childrenOf.get(span.spanId) ?? []).toSorted(
    (one, other) => one.startMillis - other.startMillis
  )
  const events = span.events.map(
    ({ attributes, name }) =>
      `${indent}${children.length > 0 ? "│" : " "}   • ${name}${attributesText(attributes)}`
  )
  return [
    ...events,
    ...children.flatMap((child, index) => {
      const isLast = index === children.length - 1
      return [
        `${indent}${isLast ? "└─ " : "├─ "}${line(child)}`,
        ...draw(child, childrenOf, `${indent}${isLast ? "   " : "│  "}`)
      ]
    })
  ]
}

/**
 * Renders spans as trees in the order of their start times. A span is the root of a tree if `spans` does not contain
 * its parent.
 */
export const render = (spans: ReadonlyArray<SpanView>): string => {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const childrenOf = new Map<string, Array<SpanView>>()
  const roots: Array<SpanView> = []
  for (const span of spans) {
    if (span.parentId === undefined || !ids.has(span.parentId)) roots.push(span)
    else childrenOf.set(span.parentId, [...(childrenOf.get(span.parentId) ?? []), span])
  }
  return roots
    .toSorted((one, other) => one.startMillis - other.startMillis)
    .map((root) => [`${line(root)}  trace ${root.traceId}`, ...draw(root, childrenOf, "")].join("\n"))
    .join("\n\n")
    .concat("\n")
}
