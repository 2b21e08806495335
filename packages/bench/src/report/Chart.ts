import type { Comparison } from "./Report.ts"
import { formatFigure } from "./Table.ts"

const width = 760
const labels = 250
const bar = 16
const gap = 6

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

const section = (comparison: Comparison, top: number): { readonly svg: string; readonly height: number } => {
  const largest = Math.max(...comparison.rows.map((row) => row.value.max), Number.MIN_VALUE)
  const scale = (value: number) => (value / largest) * (width - labels - 90)
  const bars = comparison.rows.map((row, index) => {
    const y = top + 26 + index * (bar + gap)
    const { max, median, min } = row.value
    const middle = y + bar / 2
    return [
      `<text x="${labels - 8}" y="${y + 12}" text-anchor="end">${escape(row.subject)}</text>`,
      `<rect x="${labels}" y="${y}" width="${scale(median).toFixed(1)}" height="${bar}" fill="${index === 0 ? "#2f6fab" : "#b8c4d0"}"/>`,
      `<line x1="${(labels + scale(min)).toFixed(1)}" x2="${(labels + scale(max)).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="#222"/>`,
      `<text x="${(labels + scale(max) + 6).toFixed(1)}" y="${y + 12}">${formatFigure(median)}</text>`
    ].join("")
  })
  const title = `${comparison.title} (${comparison.unit}, ${comparison.lessIsBetter ? "less" : "more"} is better)`
  return {
    svg: `<text x="8" y="${top + 16}" font-weight="bold">${escape(title)}</text>${bars.join("")}`,
    height: 34 + comparison.rows.length * (bar + gap)
  }
}

/**
 * Returns an SVG image with a bar chart for each comparison. Each bar shows the median of one server. The line on the
 * bar goes from the server's minimum to its maximum.
 */
export const renderChart = (comparisons: ReadonlyArray<Comparison>): string => {
  let top = 8
  const sections = comparisons.map((comparison) => {
    const { height, svg } = section(comparison, top)
    top += height + 8
    return svg
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${top}" font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>${sections.join("")}</svg>\n`
}
