/** A measurement, with the id of the trace in which it was made. */
export interface Exemplar {
  readonly traceId: string
  readonly value: number
  /** The time of the measurement, in milliseconds since the epoch. */
  readonly timeMillis: number
}

/**
 * Stores the last traced measurement of each histogram bucket. Each combination of metric and label values has its own
 * buckets. Memory is bounded, since the number of combinations and buckets is fixed. In each method, `series` is the
 * name of a metric with its labels, as in Prometheus' text format.
 */
export class Exemplars {
  readonly #bySeries = new Map<string, Map<number, Exemplar>>()

  record(series: string, boundaries: ReadonlyArray<number>, exemplar: Exemplar): void {
    let buckets = this.#bySeries.get(series)
    if (buckets === undefined) {
      buckets = new Map()
      this.#bySeries.set(series, buckets)
    }
    buckets.set(
      boundaries.find((boundary) => exemplar.value <= boundary) ?? Number.POSITIVE_INFINITY,
      exemplar
    )
  }

  /** Returns the exemplar of the bucket with this upper boundary. Undefined if the bucket has none. */
  find(series: string, boundary: number): Exemplar | undefined {
    return this.#bySeries.get(series)?.get(boundary)
  }
}
