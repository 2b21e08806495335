/** A span as a tree shows it; times in milliseconds. */
export interface SpanView {
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly name: string
  readonly began: number
  readonly millis: number
  /** The status's message of a span that failed. */
  readonly error: string | undefined
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: ReadonlyArray<{
    readonly name: string
    readonly attributes: Readonly<Record<string, unknown>>
  }>
  /** The ids of spans it links to. */
  readonly links: ReadonlyArray<string>
}

const millis = (value: number): string => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`

/** What a span's name or its parent tells already. */
const untold = new Set([
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

/** The last part of an attribute's name is enough beside the span's own. */
const attributesOf = (attributes: Readonly<Record<string, unknown>>): string =>
  Object.entries(attributes)
    .filter(([name, value]) => !untold.has(name) && value !== "")
    .map(([name, value]) => {
      const text = String(value).replaceAll(/(sha\d+:[\da-f]{8})[\da-f]+/g, "$1…")
      return ` ${shortNames[name] ?? name.slice(name.lastIndexOf(".") + 1)}=${text}`
    })
    .join("")

// A status of HTTP's stands among the attributes already.
const failureOf = ({ attributes: { "error.type": type, ...attributes }, error }: SpanView): string =>
  error === undefined || "http.response.status_code" in attributes
    ? ""
    : `  failed: ${typeof type === "string" ? type : error}`

const line = (span: SpanView): string => {
  const links = span.links.map((id) => ` → ${id}`).join("")
  return `${span.name}  ${millis(span.millis)} ${attributesOf(span.attributes)}${links}${failureOf(span)}`
}

const draw = (
  span: SpanView,
  childrenOf: ReadonlyMap<string, ReadonlyArray<SpanView>>,
  indent: string
): ReadonlyArray<string> => {
  const children = (childrenOf.get(span.spanId) ?? []).toSorted((one, other) => one.began - other.began)
  const events = span.events.map(
    ({ attributes, name }) =>
      `${indent}${children.length > 0 ? "│" : " "}   • ${name}${attributesOf(attributes)}`
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

/** Spans as trees, a trace after another; a span whose parent is not among them begins a tree. */
export const render = (spans: ReadonlyArray<SpanView>): string => {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const childrenOf = new Map<string, Array<SpanView>>()
  const roots: Array<SpanView> = []
  for (const span of spans) {
    if (span.parentId === undefined || !ids.has(span.parentId)) roots.push(span)
    else childrenOf.set(span.parentId, [...(childrenOf.get(span.parentId) ?? []), span])
  }
  return roots
    .toSorted((one, other) => one.began - other.began)
    .map((root) => [`${line(root)}  trace ${root.traceId}`, ...draw(root, childrenOf, "")].join("\n"))
    .join("\n\n")
    .concat("\n")
}
