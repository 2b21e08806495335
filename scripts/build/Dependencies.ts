import type { BundledPackage } from "./BundledPackages.ts"

/** The release dates of a package, as npm reports them, in the format `YYYY-MM-DD`. */
export interface Release {
  /** The day on which the version in the bundle was released. */
  readonly usedDay: string
  /** The version with npm's tag `latest`. */
  readonly newest: string
  /** The day on which the version `newest` was released. */
  readonly newestDay: string
}

/**
 * Release dates from npm, written by scripts/release-dates.ts. `asked` is the day of the query, and the keys of
 * `packages` are NAME@VERSION.
 */
export interface Releases {
  readonly asked: string
  readonly packages: Readonly<Record<string, Release>>
}

/** The purpose of each third-party package, for docs/dependencies.md. */
const reasons: Readonly<Record<string, string>> = {
  "@effect/opentelemetry":
    "bridge from Effect's spans and metrics to OpenTelemetry's SDK; evaluated only if telemetry is on",
  "@effect/platform-node": "Effect's HTTP server, file system and process signals on Node",
  "@effect/platform-node-shared": "shared code of Effect's platform packages",
  "@kubernetes/client-node":
    "kubeconfig types, exec plugins and token files, as users of kubectl expect them",
  "@opentelemetry/api": "interfaces of OpenTelemetry",
  "@opentelemetry/api-logs": "interfaces of OpenTelemetry for logs",
  "@opentelemetry/core": "shared code of the SDKs: times, identifiers",
  "@opentelemetry/otlp-exporter-base": "OTLP over HTTP: retries, timeouts, compression",
  "@opentelemetry/otlp-transformer": "OTLP's encodings, protobuf and JSON",
  "@opentelemetry/resources": "resource attributes: service, host, process",
  "@opentelemetry/sdk-logs": "batches of log lines",
  "@opentelemetry/sdk-metrics": "periodic export of metrics",
  "@opentelemetry/sdk-trace": "samplers, identifiers, batches of spans",
  "@opentelemetry/semantic-conventions": "names of attributes, imported by the SDKs",
  effect: "the base of the program: fibers, scopes, layers, schemas, retries, metrics, logs, HTTP",
  "js-yaml":
    "YAML of credentials files and kubeconfigs, after packages/kubernetes/src/YamlText.ts has checked size and anchors"
}

/**
 * Formats a size with about two significant digits. With more digits, each change of the code would change
 * docs/dependencies.md.
 */
const size = (bytes: number): string => {
  if (bytes >= 1024 * 1024) return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
  const kib = bytes / 1024
  const step = kib >= 100 ? 10 : 1
  return `${Math.max(step, Math.round(kib / step) * step)} KiB`
}

/**
 * Returns the rows of the table in docs/dependencies.md. The first row is the head of the table. Throws if a package
 * has no entry in `reasons` or in `releases`, or if `reasons` names a package that is not in the bundle.
 */
export const dependencyRows = (
  packages: ReadonlyArray<BundledPackage>,
  releases: Releases
): ReadonlyArray<ReadonlyArray<string>> => {
  const stale = Object.keys(reasons).filter((name) => !packages.some((item) => item.name === name))
  if (stale.length > 0) throw new Error(`no code of ${stale.join(", ")} is in the bundle: remove the reason`)
  return [
    ["Package", "Version", "Why", "In the bundle", "Licence", "Released", `Newest on ${releases.asked}`],
    ...packages.map(({ bytes, licence, name, version }) => {
      const why = reasons[name]
      if (why === undefined)
        throw new Error(`${name} is in the bundle: add the reason to scripts/build/Dependencies.ts`)
      const release = releases.packages[`${name}@${version}`]
      if (release === undefined) {
        throw new Error(
          `${name} ${version} has no release date: run node_modules/.bin/node scripts/release-dates.ts`
        )
      }
      const { newest, newestDay, usedDay } = release
      return [`\`${name}\``, version, why, size(bytes), licence, usedDay, `${newest} of ${newestDay}`]
    })
  ]
}
