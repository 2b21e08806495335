import type { Comparison, Report, Row } from "./Report.ts"

/** Formats a number with about three significant figures. Returns `-` if the number is not finite. */
export const formatFigure = (value: number): string => {
  if (!Number.isFinite(value)) return "-"
  const size = Math.abs(value)
  return value.toFixed(size >= 100 || value === 0 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 4)
}

/** Formats rows as text. The first column is aligned to the left, the other columns to the right. */
export const alignColumns = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
        )
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

const optional = (value: number | undefined): string => (value === undefined ? "" : formatFigure(value))

const millis = (seconds: number | undefined): string =>
  optional(seconds === undefined ? undefined : seconds * 1000)

const cells = (row: Row): ReadonlyArray<string> => [
  `  ${row.subject}`,
  formatFigure(row.value.median),
  formatFigure(row.value.min),
  formatFigure(row.value.max),
  `${formatFigure(row.ratio)}x`,
  optional(row.cpuPerGb),
  optional(row.peakRss),
  millis(row.firstByte?.p50),
  millis(row.firstByte?.p99)
]

const head = ["median", "min", "max", "ratio", "CPU s/GB", "peak MiB", "first p50 ms", "p99 ms"]

/** Formats a comparison as a text table, followed by its notes. */
export const comparisonTable = (comparison: Comparison): string =>
  [
    alignColumns([
      [
        `${comparison.title} [${comparison.unit}, ${comparison.lessIsBetter ? "less" : "more"} is better]`,
        ...head
      ],
      ...comparison.rows.map(cells)
    ]),
    ...comparison.notes.map((note) => `  - ${note}`)
  ].join("\n")

/** Formats the targets of a report and their measurements as a text table. */
export const verdictTable = ({ verdicts }: Report): string =>
  alignColumns([
    ["target", "required", "measured", ""],
    ...verdicts.map(({ target, measured, met, what }) => [what, target, measured, met ? "met" : "NOT MET"])
  ])
