import type { BundledPackage } from "./BundledPackages.ts"

/** The release dates of a package, from npm. */
export interface Release {
  /** Day of the version in use. */
  readonly used: string
  /** The newest stable version, and its day. */
  readonly newest: string
  readonly newestDay: string
}

/** The answers of npm with their date, written by scripts/release-dates.ts. */
export interface Releases {
  readonly asked: string
  readonly packages: Readonly<Record<string, Release>>
}

/** The purpose of each foreign package, and the reason for not writing it here. */
const reasons: Readonly<Record<string, string>> = {
  "@effect/opentelemetry":
    "Effect's spans and metrics for OpenTelemetry's SDK; evaluated only where telemetry is on",
  "@effect/platform-node": "Effect's HTTP server, file system and process signals on Node",
  "@effect/platform-node-shared": "what the former shares with Effect's other platforms",
  "@kubernetes/client-node":
    "what a kubeconfig's cluster and user are, exec plugins and token files: what kubectl's users expect to work",
  "@opentelemetry/api": "the interfaces that OpenTelemetry's other packages share",
  "@opentelemetry/api-logs": "the same for log lines",
  "@opentelemetry/core": "what the SDKs share: times, identifiers",
  "@opentelemetry/otlp-exporter-base": "OTLP over HTTP: retries, time-outs, compression",
  "@opentelemetry/otlp-transformer": "OTLP's encodings, protobuf and JSON",
  "@opentelemetry/resources": "what telemetry is of",
  "@opentelemetry/sdk-logs": "batches of log lines",
  "@opentelemetry/sdk-metrics": "reads and sends metrics at intervals",
  "@opentelemetry/sdk-trace": "samplers, identifiers, batches of spans",
  "@opentelemetry/semantic-conventions": "names of attributes, which the SDKs import",
  effect: "the program is written in it: fibers, scopes, layers, schemas, retries, metrics, logs, HTTP",
  "js-yaml":
    "credentials files and kubeconfigs; bounds and anchors are checked before it (packages/kubernetes/src/YamlText.ts)"
}

/** A size with two significant figures: more would change with every change of the program. */
const size = (bytes: number): string => {
  if (bytes >= 1024 * 1024) return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
  const kib = bytes / 1024
  const step = kib >= 100 ? 10 : 1
  return `${Math.max(step, Math.round(kib / step) * step)} KiB`
}

/**
 * Rows of what is bundled, its head first; fails at a package that nobody gave a reason for, or whose release is not
 * known.
 */
export const rows = (
  packages: ReadonlyArray<BundledPackage>,
  releases: Releases
): ReadonlyArray<ReadonlyArray<string>> => {
  const stale = Object.keys(reasons).filter((name) => !packages.some((item) => item.name === name))
  if (stale.length > 0) throw new Error(`no code of ${stale.join(", ")} is in the bundle: remove the reason`)
  return [
    [
      "Package",
      "Version",
      "Why",
      "Of it in the bundle",
      "Licence",
      "Released",
      `Newest on ${releases.asked}`
    ],
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
      const { newest, newestDay, used } = release
      return [`\`${name}\``, version, why, size(bytes), licence, used, `${newest} of ${newestDay}`]
    })
  ]
}
