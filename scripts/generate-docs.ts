/**
 * Generates documents from the code. Writes routes, flags, variables, metrics, values, packages and runtime
 * dependencies between markers in README.md, docs/ and the chart's README.md. Also writes docs/pictures and the chart's
 * dashboard of all metrics. With `--check`, the script writes nothing, and fails if a file would change. With and
 * without `--check`, the script fails if the manifests were rendered from another version of the chart.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs"
import { registerHooks } from "node:module"
import { basename, dirname, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as Chart from "../packages/deploy/src/Chart.ts"
import * as Dashboard from "../packages/deploy/src/Dashboard.ts"
import * as PlainManifest from "../packages/deploy/src/PlainManifest.ts"
import * as DocumentedValues from "../packages/deploy/src/DocumentedValues.ts"
import { kinds } from "../packages/credential-store/src/kinds/Kinds.ts"
import { flags } from "../packages/proxy/src/config/Flags.ts"
import { routes } from "../packages/proxy/src/http/request/Routes.ts"
import * as OtelVariables from "../packages/proxy/src/telemetry/OtelVariables.ts"
import { bundle } from "./build/Bundle.ts"
import * as BundledPackages from "./build/BundledPackages.ts"
import * as Dependencies from "./build/Dependencies.ts"
import { pictures } from "./pictures/Pictures.ts"
import {
  accessTable,
  exportMetrics,
  flagTable,
  hasSection,
  metricsOf,
  metricTable,
  objectTable,
  replaceSections,
  routeTable,
  markdownTable,
  valueTable,
  variableTable
} from "./GeneratedDocs.ts"

const root = resolve(import.meta.dirname, "..")
const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } })

const fail = (message: string): void => {
  console.error(message)
  process.exitCode = 1
}

// A metrics module may export a metric only as part of a set. This hook adds an export of all metrics.
registerHooks({
  load: (url, context, nextLoad) =>
    /\/src\/(?:metrics\/)?Metrics\.ts$/.test(url)
      ? {
          format: "module-typescript",
          source: exportMetrics(readFileSync(fileURLToPath(url), "utf8")),
          shortCircuit: true
        }
      : nextLoad(url, context)
})

const metrics = async () => {
  const files = globSync("packages/*/src/{,metrics/}Metrics.ts", { cwd: root }).sort()
  const found = await Promise.all(
    files.map(async (file) => {
      const module = (await import(resolve(root, file))) as Readonly<Record<string, unknown>>
      return metricsOf(file, readFileSync(resolve(root, file), "utf8"), module)
    })
  )
  return found.flat()
}

/** Returns the text of a file, or an empty string if the file does not exist. */
const textOf = (file: string): string =>
  existsSync(resolve(root, file)) ? readFileSync(resolve(root, file), "utf8") : ""

/** Writes a file if its text has changed. With `--check`, reports an error instead. */
const put = (file: string, present: string, wanted: string): void => {
  if (wanted === present) return
  if (values.check) fail(`${file} is outdated; run: node_modules/.bin/node scripts/generate-docs.ts`)
  else writeFileSync(resolve(root, file), wanted)
}

const dashboardFile = "packages/deploy/chart/files/dashboard.json"

const dependencies = async (): Promise<string> => {
  // The version and the commit have no effect on the list of bundled packages.
  const { metafile } = await bundle(root, { version: "0.0.0", commit: "unknown", time: 0 })
  const releases = JSON.parse(
    readFileSync(resolve(root, "scripts/build/releases.json"), "utf8")
  ) as Dependencies.Releases
  const [head = [], ...rows] = Dependencies.dependencyRows(
    BundledPackages.bundledPackages(root, metafile),
    releases
  )
  return markdownTable(head, rows)
}

/** Formats the table of packages, with the description from each package.json. */
const packages = (): string =>
  markdownTable(
    ["Package", "Owns"],
    globSync("packages/*/package.json", { cwd: root })
      .sort()
      .map((file) => {
        const { description } = JSON.parse(textOf(file)) as { readonly description: string }
        const folder = dirname(file)
        return [`[\`${basename(folder)}\`](${folder})`, description]
      })
  )

const generate = async (): Promise<void> => {
  const declared = await metrics()
  const dashboard = `${JSON.stringify(Dashboard.grafanaDashboard(declared), undefined, 2)}\n`
  put(dashboardFile, textOf(dashboardFile), dashboard)
  for (const [name, svg] of Object.entries(pictures(root))) {
    put(`docs/pictures/${name}`, textOf(`docs/pictures/${name}`), svg)
  }
  const sections = {
    access: accessTable(Object.values(routes)),
    dependencies: await dependencies(),
    flags: flagTable(Object.values(flags)),
    metrics: metricTable(declared),
    rights: objectTable(kinds),
    routes: routeTable(Object.values(routes)),
    otel: variableTable(OtelVariables.all),
    packages: packages(),
    values: valueTable(DocumentedValues.findDocumentedValues(Chart.readValues()))
  }
  const files = [
    "README.md",
    "packages/deploy/chart/README.md",
    ...globSync("docs/**/*.md", { cwd: root }).sort()
  ]
  const texts = files.map((file) => ({ file, text: readFileSync(resolve(root, file), "utf8") }))
  for (const name of Object.keys(sections)) {
    if (!texts.some(({ text }) => hasSection(text, name))) {
      fail(`no file has the markers of ${name}: <!-- ${name}:start --> and <!-- ${name}:end -->`)
    }
  }
  for (const { file, text } of texts) {
    put(file, text, replaceSections(text, sections))
  }
}

for (const file of ["packages/deploy/manifest.yaml", "packages/deploy/rbac.yaml"]) {
  if (PlainManifest.chartChecksumOf(readFileSync(resolve(root, file), "utf8")) !== Chart.chartChecksum()) {
    fail(`${file} is of another chart; run: node_modules/.bin/node scripts/render-manifests.ts`)
  }
}
await generate().catch((error: unknown) => fail(error instanceof Error ? error.message : String(error)))
