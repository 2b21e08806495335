import type { Percentiles, Spread } from "./Statistics.ts"

/** The measurements of one server in one case, as a row of a table. */
export interface Row {
  readonly subject: string
  readonly value: Spread
  /** The median of `value`, divided by the median of the first row. */
  readonly ratio: number
  /** CPU seconds of the server's processes per GB (10^9 bytes) of response bodies. */
  readonly cpuPerGb?: number | undefined
  /** Peak resident memory of the server's processes, in MiB. */
  readonly peakRss?: number | undefined
  /**
   * Seconds from the start of a request to the first byte of its response. In cases that use wrk, the time ends at the
   * last byte of the response. `p50` is the median of all rounds' `p50`, and `p99` is the largest `p99` of all rounds.
   */
  readonly firstByte?: Percentiles | undefined
}

/** The result of a case that compares servers. The ratios in the rows are relative to the first row. */
export interface Comparison {
  readonly title: string
  readonly unit: string
  readonly lessIsBetter: boolean
  readonly rows: ReadonlyArray<Row>
  readonly notes: ReadonlyArray<string>
}

/** A target with the measured value. `met` is true if the value meets the target. */
export interface Verdict {
  readonly what: string
  readonly target: string
  readonly measured: string
  readonly met: boolean
}

/**
 * The results of one run of the benchmark. `missing` says which programs are missing and what was therefore skipped.
 */
export interface Report {
  readonly machine: Readonly<Record<string, string>>
  readonly missing: ReadonlyArray<string>
  readonly comparisons: ReadonlyArray<Comparison>
  readonly verdicts: ReadonlyArray<Verdict>
}

/**
 * Returns the factor by which `first` is better than `second`. Both are names of servers. Undefined if one of them has
 * no row.
 */
export const timesBetter = (
  comparison: Pick<Comparison, "rows" | "lessIsBetter">,
  first: string,
  second: string
): number | undefined => {
  const value = (subject: string) => comparison.rows.find((row) => row.subject === subject)?.value.median
  const [a, b] = [value(first), value(second)]
  if (a === undefined || b === undefined) return undefined
  return comparison.lessIsBetter ? b / a : a / b
}
