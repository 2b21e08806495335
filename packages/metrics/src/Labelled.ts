import { Metric } from "effect"

/** The labels of a metric, each with its possible values. The values must be few and fixed. */
export type LabelValues = Readonly<Record<string, ReadonlyArray<string>>>

/** One series of a metric, with one value for each label. */
export type Series<L extends LabelValues> = { readonly [Label in keyof L]: L[Label][number] }

/**
 * Use this as the values of a label whose values are known only at run time. Any text is then accepted, but there must
 * be few different values.
 */
export const anyValue: ReadonlyArray<string> = []

type Kind = Metric.Counter<number> | Metric.Gauge<number> | Metric.Histogram<number>

interface Labelled {
  <const L extends LabelValues>(
    metric: Metric.Histogram<number>,
    labels: L,
    boundaries: ReadonlyArray<number>
  ): (series: Series<L>) => Metric.Histogram<number>
  <const L extends LabelValues, M extends Metric.Counter<number> | Metric.Gauge<number>>(
    metric: M,
    labels: L
  ): (series: Series<L>) => M
}

const make = (metric: Kind, attributes: Series<LabelValues>, boundaries: ReadonlyArray<number>): Kind => {
  const { description = "", id } = metric
  switch (metric.type) {
    case "Counter":
      return Metric.counter(id, { description, attributes, incremental: true })
    case "Gauge":
      return Metric.gauge(id, { description, attributes })
    case "Histogram":
      return Metric.histogram(id, { description, attributes, boundaries })
    default:
      throw new Error(`a ${metric.type} has no labels here`)
  }
}

/**
 * Makes a function that returns `metric` with the given label values as its attributes. Equal label values always give
 * the same object. `Metric.withAttributes` would instead add the labels to the context at each update. That would cost
 * several times as much as the update itself. The value of a returned counter can only increase.
 */
export const labelled: Labelled = (
  metric: Kind,
  labels: LabelValues,
  boundaries?: ReadonlyArray<number>
): ((series: Series<LabelValues>) => never) => {
  const names = Object.keys(labels)
  const made = new Map<string, Kind>()
  return (series) => {
    const key = names.map((name) => series[name]).join(" ")
    const known = made.get(key) ?? make(metric, series, boundaries ?? [])
    made.set(key, known)
    // The overloads of `Labelled` declare the type of the result.
    return known as never
  }
}

/** Calls `make` with each value. Returns the results in a record whose keys are the values. */
export const forEachValue = <const Value extends string, A>(
  values: ReadonlyArray<Value>,
  make: (value: Value) => A
): Readonly<Record<Value, A>> =>
  // The return type of `fromEntries` does not say that each value has a key.
  Object.fromEntries(values.map((value) => [value, make(value)])) as Record<Value, A>
