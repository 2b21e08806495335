/** A measurement, and the trace that it was made in. */
export interface Exemplar {
  readonly traceId: string
  readonly value: number
  /** Milliseconds since the epoch. */
  readonly at: number
}

/**
 * The last traced measurement of each bucket of a histogram's series. Bounded, since series and buckets are: `series` is a
 * metric's name and labels as Prometheus' text has them.
 */
export class Exemplars {
  readonly #bySeries = new Map<string, Map<number, Exemplar>>()

  note(series: string, boundaries: ReadonlyArray<number>, exemplar: Exemplar): void {
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

  /** The exemplar of one bucket, by its upper boundary. */
  find(series: string, boundary: number): Exemplar | undefined {
    return this.#bySeries.get(series)?.get(boundary)
  }
}
