import type { SpanView } from "../../src/telemetry/SpanTree.ts"

/** A span with its children, and with only the attributes that a test compares. */
export interface SpanNode {
  readonly name: string
  readonly attributes?: Readonly<Record<string, unknown>>
  readonly events?: ReadonlyArray<unknown>
  readonly links?: ReadonlyArray<string>
  readonly failed?: true
  readonly children?: ReadonlyArray<SpanNode>
}

/**
 * Converts spans to trees. Roots and children are in order of start time. Only the attributes named in `shown` are
 * included.
 */
export const of = (
  spans: ReadonlyArray<SpanView>,
  ...shown: ReadonlyArray<string>
): ReadonlyArray<SpanNode> => {
  const byId = new Map(spans.map((span) => [span.spanId, span]))
  // Spans with equal start times stay in order of end time.
  const inOrder = spans.toSorted((one, other) => one.startMillis - other.startMillis)
  const tree = (span: SpanView): SpanNode => {
    const attributes = Object.fromEntries(
      Object.entries(span.attributes).filter(([name]) => shown.includes(name))
    )
    const children = inOrder.filter(({ parentId }) => parentId === span.spanId).map(tree)
    return {
      name: span.name,
      ...(Object.keys(attributes).length > 0 ? { attributes } : {}),
      ...(span.events.length > 0
        ? { events: span.events.map(({ attributes, name }) => [name, attributes["offset"]]) }
        : {}),
      ...(span.links.length > 0 ? { links: span.links.map((id) => byId.get(id)?.name ?? "elsewhere") } : {}),
      ...(span.error === undefined ? {} : { failed: true as const }),
      ...(children.length > 0 ? { children } : {})
    }
  }
  return inOrder.filter(({ parentId }) => parentId === undefined || !byId.has(parentId)).map(tree)
}
