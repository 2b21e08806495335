/** A measurement, with the id of the trace in which it was made. */
export interface Exemplar {
  readonly traceId: string
  readonly value: number
  /** The time of the measurement, in milliseconds since the epoch. */
  readonly timeMillis: number
}

/**
 * The last traced measurement of each bucket of each histogram series. The numbers of series and buckets are bounded. A
 * series is a metric's name with labels, as in Prometheus' text format.
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

  /** Returns the exemplar of the bucket with this upper boundary; undefined if the bucket has none. */
  find(series: string, boundary: number): Exemplar | undefined {
    return this.#bySeries.get(series)?.get(boundary)
  }
}
