/** Median, minimum and maximum of the values of several rounds. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/**
 * Returns a percentile of the values. Interpolates between two values if necessary. `fraction` is 0.99 for the 99th
 * percentile. NaN if there are no values.
 */
export const percentile = (values: ReadonlyArray<number>, fraction: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const position = (sorted.length - 1) * fraction
  const below = sorted[Math.floor(position)] ?? Number.NaN
  const above = sorted[Math.ceil(position)] ?? Number.NaN
  return below + (above - below) * (position - Math.floor(position))
}

/** The 50th and 99th percentile of several durations, in the unit of the durations. */
export interface Percentiles {
  readonly p50: number
  readonly p99: number
}

export const percentiles = (times: ReadonlyArray<number>): Percentiles => ({
  p50: percentile(times, 0.5),
  p99: percentile(times, 0.99)
})

/** Combines the percentiles of several rounds: the median of their p50, and the largest p99. */
export const combineRounds = (rounds: ReadonlyArray<Percentiles>): Percentiles => ({
  p50: median(rounds.map(({ p50 }) => p50)),
  p99: Math.max(...rounds.map(({ p99 }) => p99))
})

export const median = (values: ReadonlyArray<number>): number => percentile(values, 0.5)

export const spread = (values: ReadonlyArray<number>): Spread => ({
  median: median(values),
  min: percentile(values, 0),
  max: percentile(values, 1)
})
