import { globSync, readFileSync } from "node:fs"
import { dirname, relative, resolve } from "node:path"
import { assert, describe, it } from "vitest"
import { flags } from "../../packages/proxy/src/config/Flags.ts"
import { type Sources, unreadFlags, unusedMetrics } from "./Wiring.ts"

const root = resolve(import.meta.dirname, "../..")

const sourcesOf = (pattern: string): Sources =>
  Object.fromEntries(
    globSync(pattern, { cwd: root })
      .sort()
      .map((file) => [file, readFileSync(resolve(root, file), "utf8")])
  )

const except = (sources: Sources, ...files: ReadonlyArray<string>): Sources =>
  Object.fromEntries(Object.entries(sources).filter(([file]) => !files.includes(file)))

/** Flags that are accepted for compatibility with the replaced service and have no effect. */
const accepted = ["clusterUuid"]

describe("flags", () => {
  it("are each read by the code that they configure", () => {
    const sources = except(
      sourcesOf("packages/proxy/src/**/*.ts"),
      "packages/proxy/src/config/Flags.ts",
      "packages/proxy/src/config/Settings.ts"
    )
    const keys = Object.keys(flags).filter((key) => !accepted.includes(key))
    const told = unreadFlags(keys, sources).map(
      (key) =>
        `--${flags[key as keyof typeof flags].name} is read by nobody: wire settings.${key} in packages/proxy/src/Program.ts to the layer it is for`
    )
    assert.deepStrictEqual(told, [])
  })

  it("that appear only in a message or a comment count as unread", () => {
    const source =
      "// one\nconst { one } = flags\nfail(flags.two.name)\nuse(settings.three)\nconst { four } = settings"
    assert.deepStrictEqual(unreadFlags(["one", "two", "three", "four"], { "a.ts": source }), ["one", "two"])
  })
})

describe("metrics", () => {
  const all = sourcesOf("packages/*/src/**/*.ts")

  it.each(Object.keys(all).filter((file) => file.endsWith("/Metrics.ts")))(
    "of %s are each updated",
    (file) => {
      const own = file.split("/").slice(0, 3).join("/")
      const name = `"@registry-packages-proxy/${relative(resolve(root, "packages"), resolve(root, dirname(dirname(file))))}/Metrics"`
      const others = Object.fromEntries(
        Object.entries(except(all, file)).filter(
          ([other, text]) => other.startsWith(own) || text.includes(name)
        )
      )
      const told = unusedMetrics(all[file] ?? "", others).map(
        (metric) =>
          `${metric} of ${file} is updated by nobody: update it where the thing happens (Metric.update(Metrics.${metric}, 1), or updateUnsafe where no effect runs)`
      )
      assert.deepStrictEqual(told, [])
    }
  )

  it("count as used if a used declaration mentions them, but not if they are only exported", () => {
    const source = `const one = Metric.counter("one")
export const count = (by: string) => labelled(one)
export const two = Metric.gauge("two")
export const three = Metric.gauge("three")
const four = Metric.gauge("four")
export const five = four
`
    assert.deepStrictEqual(unusedMetrics(source, { "a.ts": 'Metrics.count("a") // Metrics.two' }), [
      "two",
      "three",
      "four"
    ])
    assert.deepStrictEqual(unusedMetrics(source, { "a.ts": 'import { three } from "../Metrics.ts"' }), [
      "one",
      "two",
      "four"
    ])
  })
})
