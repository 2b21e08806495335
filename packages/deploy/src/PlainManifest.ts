/**
 * Matches the lines of helm's output that the plain manifests omit. They are `# Source` comments and the standard
 * labels of Helm charts.
 */
const helmLines = [
  /^# Source: .*\n/gm,
  /^ +(?:helm\.sh\/chart|app\.kubernetes\.io\/(?:managed-by|instance|version|name)): .*\n/gm
]

const head = (checksum: string): string =>
  `# Rendered from the chart in chart/ with manifest.values.yaml: node_modules/.bin/node scripts/render-manifests.ts
# chart: ${checksum}
`

const namespaces = `apiVersion: v1
kind: Namespace
metadata:
  name: d8-cloud-instance-manager
`

/** Splits helm's output into its YAML documents, and removes the `helmLines`. */
const documents = (rendered: string): ReadonlyArray<string> =>
  helmLines
    .reduce((text, line) => text.replaceAll(line, ""), rendered)
    .split(/^---\n/m)
    .map((document) => document.trim())
    .filter((document) => document !== "")

const join = (checksum: string, comment: string, parts: ReadonlyArray<string>): string =>
  `${head(checksum)}${comment}\n${parts.map((part) => part.trim()).join("\n---\n")}\n`

/**
 * Returns the text of manifest.yaml, which has all objects for a cluster. `rendered` is helm's output, and `checksum`
 * is the chart's checksum.
 */
export const renderManifest = (rendered: string, checksum: string): string =>
  join(
    checksum,
    `#
# registry-packages-proxy on the masters of a cluster. Put your image in, and as many replicas as there are masters, then:
#   kubectl apply --server-side -f manifest.yaml
# The namespace d8-system, where the Secret of the cluster's registry is, must be there.`,
    [namespaces, ...documents(rendered)]
  )

/**
 * Returns the text of rbac.yaml, which has only the permissions of registry-packages-proxy. `rendered` is helm's
 * output, and `checksum` is the chart's checksum.
 */
export const renderRbac = (rendered: string, checksum: string): string =>
  join(
    checksum,
    `#\n# What registry-packages-proxy may do, and no more. Used as it is by the end-to-end tests.`,
    documents(rendered)
  )

/**
 * Returns the checksum of the chart from which the manifest `text` was rendered. Undefined if the manifest has no
 * checksum.
 */
export const chartChecksumOf = (text: string): string | undefined =>
  /^# chart: ([0-9a-f]{64})$/m.exec(text)?.[1]
