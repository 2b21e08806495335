import type { SpanView } from "../../src/telemetry/SpanTree.ts"

/** A span and what happened in it; attributes only of the names asked for. */
export interface Tree {
  readonly name: string
  readonly attributes?: Readonly<Record<string, unknown>>
  readonly events?: ReadonlyArray<unknown>
  readonly links?: ReadonlyArray<string>
  readonly failed?: true
  readonly children?: ReadonlyArray<Tree>
}

/** Spans as trees, in the order in which they began; equal ones are told apart by nothing but what is shown. */
export const of = (spans: ReadonlyArray<SpanView>, ...shown: ReadonlyArray<string>): ReadonlyArray<Tree> => {
  const byId = new Map(spans.map((span) => [span.spanId, span]))
  // Those that ended first came first, where they began in one moment.
  const inOrder = spans.toSorted((one, other) => one.began - other.began)
  const tree = (span: SpanView): Tree => {
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
