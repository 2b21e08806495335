import type { Comparison, Report, Row, Verdict } from "./Report.ts"
import { formatFigure } from "./Table.ts"

const cell = (text: string): string => text.replaceAll("|", "\\|")

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map((_, column) => (column === 0 ? "---" : "--:")), ...rows]
    .map((row) => `| ${row.map(cell).join(" | ")} |`)
    .join("\n")

const optional = (value: number | undefined): string => (value === undefined ? "" : formatFigure(value))

const millis = (seconds: number | undefined): string =>
  optional(seconds === undefined ? undefined : seconds * 1000)

const cells = ({ cpuPerGb, firstByte, peakRss, ratio, subject, value }: Row): ReadonlyArray<string> => [
  subject,
  formatFigure(value.median),
  `${formatFigure(value.min)}-${formatFigure(value.max)}`,
  `${formatFigure(ratio)}x`,
  optional(cpuPerGb),
  optional(peakRss),
  millis(firstByte?.p50),
  millis(firstByte?.p99)
]

const comparison = ({ lessIsBetter, notes, rows, title, unit }: Comparison): string =>
  [
    `### ${title}`,
    `In ${unit}, ${lessIsBetter ? "less" : "more"} is better.`,
    table(
      ["", "median", "min-max", "ratio", "CPU s/GB", "peak MiB", "first byte p50 ms", "p99 ms"],
      rows.map(cells)
    ),
    notes.map((note) => `- ${note}`).join("\n")
  ]
    .filter((part) => part !== "")
    .join("\n\n")

const targets = (verdicts: ReadonlyArray<Verdict>): string =>
  [
    "### Targets",
    table(
      ["target", "required", "measured", ""],
      verdicts.map(({ target, measured, met, what }) => [what, target, measured, met ? "met" : "**missed**"])
    )
  ].join("\n\n")

/** Renders a report as Markdown, with one table of all targets and one table for each comparison. */
export const toMarkdown = ({ comparisons, machine, missing, verdicts }: Report): string =>
  [
    [...Object.entries(machine).map(([name, value]) => `${name}: ${value}`), ...missing]
      .map((line) => `- ${line}`)
      .join("\n"),
    ...(verdicts.length === 0 ? [] : [targets(verdicts)]),
    ...comparisons.map(comparison)
  ].join("\n\n")

const [start, end] = ["<!-- bench:start -->", "<!-- bench:end -->"]

/**
 * Returns `page` with the report in place of the text between the page's two markers. Throws if a marker is missing.
 */
export const withReport = (page: string, report: Report): string => {
  const [before, rest] = page.split(start)
  const after = rest?.split(end)[1]
  if (before === undefined || after === undefined)
    throw new Error(`the page has no markers for a report; expected: ${start} and ${end}`)
  return `${before}${start}\n\n${toMarkdown(report)}\n\n${end}${after}`
}
