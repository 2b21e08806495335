import { assert, describe, it } from "@effect/vitest"
import type { Flag } from "../../src/config/Flag.ts"
import { variableName } from "../../src/config/Flag.ts"
import { flags } from "../../src/config/Flags.ts"
import { helpText, informationalFlags } from "../../src/config/Help.ts"

const all: ReadonlyArray<Flag<unknown>> = Object.values(flags)

describe("Flags", () => {
  it("have distinct names that do not clash with the variables Kubernetes sets for a Service", () => {
    const names = [...all, ...informationalFlags].map(({ name }) => name)
    assert.strictEqual(new Set(names).size, names.length)
    for (const name of names) {
      assert.match(name, /^[a-z]+(?:-[a-z]+)*$/)
      assert.notMatch(name, /^(?:port|service)/)
    }
  })

  it("are exactly these", () => {
    assert.deepStrictEqual(
      all.map(({ name }) => name),
      [
        "listen-address",
        "secure-listen-address",
        "tls-cert-file",
        "tls-private-key-file",
        "tls-min-version",
        "client-ca-file",
        "kubeconfig",
        "credentials-file",
        "cache-directory",
        "cache-retention-size",
        "disable-cache",
        "platform",
        "log-level",
        "log-format",
        "shutdown-grace-period",
        "rpp-get-binary-listen-address",
        "cluster-uuid"
      ]
    )
  })

  it("are each in --help, with default, variable and accepted texts, in at most 100 columns", () => {
    const text = helpText()
    for (const line of text.split("\n")) assert.isAtMost(line.length, 100, line)
    const words = text.replace(/\s+/g, " ")
    for (const flag of all) {
      assert.include(
        words,
        `--${flag.name}${flag.metavar === undefined ? "" : ` ${flag.metavar}`} ${flag.description}`
      )
      assert.include(
        words,
        `Accepts: ${flag.accepts} Default: ${flag.default} Variable: ${variableName(flag)}`
      )
    }
  })
})
