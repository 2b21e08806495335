import * as Chart from "@registry-packages-proxy/deploy/Chart"
import * as PlainManifest from "@registry-packages-proxy/deploy/PlainManifest"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import * as Command from "../run/Command.ts"

const deploy = (name: string): string => fileURLToPath(new URL(`../../../deploy/${name}`, import.meta.url))

/**
 * Renders manifest.yaml and rbac.yaml from the chart. Returns the path and the new text of each file, and writes
 * nothing. `helm` is the path of the helm program.
 */
export const render = Effect.fnUntraced(function* (helm: string) {
  const template = (...args: ReadonlyArray<string>) =>
    Command.run(
      helm,
      ["template", "plain", Chart.chartDirectory, "--values", deploy("manifest.values.yaml"), ...args],
      { inheritsEnvironment: true }
    )
  const checksum = Chart.chartChecksum()
  return [
    { file: deploy("manifest.yaml"), text: PlainManifest.renderManifest(yield* template(), checksum) },
    {
      file: deploy("rbac.yaml"),
      text: PlainManifest.renderRbac(yield* template("--show-only", "templates/rbac-for-us.yaml"), checksum)
    }
  ]
})
