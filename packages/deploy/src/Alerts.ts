import { readFileSync } from "node:fs"
import { load } from "js-yaml"
import { chartDirectory } from "./Chart.ts"

/** An alerting rule, as in a Prometheus rule file. */
export interface Alert {
  readonly alert: string
  readonly expr: string
  readonly for: string
  readonly labels: { readonly severity: string }
  readonly annotations: {
    readonly summary: string
    readonly description: string
    readonly runbook_url: string
  }
}

/** The path of the file with the chart's alerting rules. */
export const rulesFile = `${chartDirectory}/files/rules.yaml`

/** Reads `rulesFile`, and returns the alerting rules of all its groups. */
export const readAlerts = (): ReadonlyArray<Alert> => {
  const { groups } = load(readFileSync(rulesFile, "utf8")) as {
    readonly groups: ReadonlyArray<{ readonly rules: ReadonlyArray<Alert> }>
  }
  return groups.flatMap(({ rules }) => rules)
}
