import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { readAlerts } from "../src/Alerts.ts"
import { alertTests } from "../src/AlertTests.ts"

const root = fileURLToPath(new URL("../../../", import.meta.url))
const read = (file: string): string => readFileSync(`${root}${file}`, "utf8")

/** The metrics of Prometheus and kube-state-metrics that the alerts may use. */
const others = ["up", "kube_deployment_spec_replicas", "kube_deployment_status_replicas_ready"]

const headings = new Set(
  Array.from(read("docs/runbook.md").matchAll(/^### (.+)$/gm), ([, heading = ""]) =>
    heading.toLowerCase().replaceAll(" ", "-")
  )
)

describe("the alerts", () => {
  for (const { alert, annotations, expr, for: during, labels } of readAlerts()) {
    it(`${alert} has a severity, a duration, a section in the runbook and a test`, () => {
      assert.include(["critical", "warning", "info"], labels.severity)
      assert.match(during, /^\d+[mh]$/)
      assert.notStrictEqual(annotations.summary, "")
      assert.notStrictEqual(annotations.description, "")
      const [page, anchor = ""] = annotations.runbook_url.split("#")
      assert.strictEqual(page, "docs/runbook.md")
      assert.isTrue(headings.has(anchor), anchor)
      assert.isDefined(alertTests[alert])
      assert.isAbove(Object.keys(alertTests[alert]?.silent ?? {}).length, 0)
    })

    it(`${alert} uses existing metrics`, () => {
      const declared = read("docs/configuration.md")
      for (const [name] of expr.matchAll(
        /\b(?:up|(?:registry_packages_proxy|process|kube)_\w+)\b(?=[{[ )]|$)/g
      )) {
        const metric = name.replace(/_(?:bucket|count|sum)$/, "")
        assert.isTrue(others.includes(name) || declared.includes(`| \`${metric}\` |`), name)
      }
    })
  }

  it("have no test of an alert that does not exist", () => {
    const names = readAlerts().map(({ alert }) => alert)
    assert.deepStrictEqual(
      Object.keys(alertTests).filter((name) => !names.includes(name)),
      []
    )
  })
})

describe("the runbook", () => {
  it("has a section for each error status in docs/http.md", () => {
    const codes = Array.from(read("docs/http.md").matchAll(/^\| (\d{3}) \|/gm), ([, code = ""]) => code)
    assert.isAbove(codes.length, 10)
    for (const code of codes.filter((code) => Number(code) >= 400)) assert.isTrue(headings.has(code), code)
  })

  it("names existing metrics only", () => {
    const declared = read("docs/configuration.md")
    for (const [, name = ""] of read("docs/runbook.md").matchAll(
      /\b((?:registry_packages_proxy|process|nodejs)_\w+)/g
    )) {
      const metric = name.replace(/_(?:bucket|count|sum)$/, "")
      assert.isTrue(declared.includes(`| \`${metric}\` |`), name)
    }
  })

  it("names errors by their types in the code", () => {
    const sources = globSync("packages/*/src/**/*.ts", { cwd: root }).map(read).join("\n")
    for (const [, name = ""] of read("docs/runbook.md").matchAll(
      /`([A-Z][a-z]+[A-Z]\w+|Denied|Refused|Undecided|Unavailable|Unreadable)`/g
    )) {
      assert.isTrue(sources.includes(`"${name}"`), name)
    }
  })
})
