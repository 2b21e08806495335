import type { Spread } from "./Statistics.ts"

/** What one server did in one scenario. */
export interface Row {
  readonly subject: string
  readonly value: Spread
  /** The median over the first subject's: above 1 is faster, or more, whatever the unit. */
  readonly ratio: number
  /** CPU seconds of the server and its children for each GB (10^9 bytes) of bodies. */
  readonly cpuPerGb?: number | undefined
  /** The largest resident size of the server and its children, in MiB. */
  readonly peakRss?: number | undefined
  /** Seconds from a request to the first byte of its body. */
  readonly firstByte?: { readonly p50: number; readonly p99: number } | undefined
}

/** One comparison, its subjects in the order they are named; the first is the program. */
export interface Comparison {
  readonly title: string
  readonly unit: string
  readonly lessIsBetter: boolean
  readonly rows: ReadonlyArray<Row>
  readonly notes: ReadonlyArray<string>
}

/** A bar and what was measured against it. */
export interface Verdict {
  readonly what: string
  readonly bar: string
  readonly measured: string
  readonly met: boolean
}

/** All a run found. */
export interface Report {
  readonly machine: Readonly<Record<string, string>>
  readonly missing: ReadonlyArray<string>
  readonly comparisons: ReadonlyArray<Comparison>
  readonly verdicts: ReadonlyArray<Verdict>
}

/** How many times better the first is than the second. */
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
