import { Metric } from "effect"

/** The labels of one series; their values are from fixed sets. */
export type Labels = Readonly<Record<string, string>>

const remembered = <A>(make: (labels: Labels) => A): ((labels: Labels) => A) => {
  const made = new Map<string, A>()
  return (labels) => {
    const key = Object.values(labels).join(" ")
    const known = made.get(key)
    if (known !== undefined) return known
    const one = make(labels)
    made.set(key, one)
    return one
  }
}

/**
 * The series of a counter, each a metric object with its labels, made once. `Metric.withAttributes` would put them into the
 * context anew at each update, which costs a small answer several times what the count does.
 */
export const ofCounter = ({ description = "", id }: Metric.Counter<number>) =>
  remembered((attributes) => Metric.counter(id, { description, attributes, incremental: true }))

/** The same of a histogram with these boundaries. */
export const ofHistogram = (
  { description = "", id }: Metric.Histogram<number>,
  boundaries: ReadonlyArray<number>
) => remembered((attributes) => Metric.histogram(id, { description, attributes, boundaries }))

/** The same of a gauge. */
export const ofGauge = ({ description = "", id }: Metric.Gauge<number>) =>
  remembered((attributes) => Metric.gauge(id, { description, attributes }))

/** One `A` for each of these values. */
export const ofEach = <const Value extends string, A>(
  values: ReadonlyArray<Value>,
  make: (value: Value) => A
): Readonly<Record<Value, A>> =>
  // What `fromEntries` loses: there is a key for each value.
  Object.fromEntries(values.map((value) => [value, make(value)])) as Record<Value, A>
