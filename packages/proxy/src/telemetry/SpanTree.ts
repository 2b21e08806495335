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

const attributesOf = (attributes: Readonly<Record<string, unknown>>): string =>
  Object.entries(attributes)
    .map(([name, value]) => ` ${name.replace(/^registry_packages_proxy\./, "")}=${String(value)}`)
    .join("")

const line = (span: SpanView): string => {
  const links = span.links.map((id) => ` → ${id}`).join("")
  return `${span.name}  ${millis(span.millis)} ${attributesOf(span.attributes)}${links}${span.error === undefined ? "" : "  FAILED"}`
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
