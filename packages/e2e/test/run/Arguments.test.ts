import { assert, describe, it } from "@effect/vitest"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parse } from "../../src/run/Arguments.ts"
import { groupNames, groups } from "../../src/run/Groups.ts"
import { parts } from "../../src/run/Parts.ts"

describe("Arguments", () => {
  it("runs every group unless some are named", () => {
    assert.deepStrictEqual(parse([]), {
      install: false,
      skipBuild: false,
      groups: groupNames,
      vitest: [],
      unknown: []
    })
    assert.deepStrictEqual(parse(["restart", "registry"]).groups, ["registry", "restart"])
  })

  it("passes what begins with a dash to vitest, but --install and --skip-build", () => {
    const { groups, install, skipBuild, vitest } = parse([
      "--install",
      "--skip-build",
      "--reporter=json",
      "clients",
      "--outputFile.json=x"
    ])
    assert.deepStrictEqual([install, skipBuild, groups], [true, true, ["clients"]])
    assert.deepStrictEqual(vitest, ["--reporter=json", "--outputFile.json=x"])
  })

  it("takes no word for a group that is none", () => {
    assert.deepStrictEqual(parse(["registry", "kube", "toString"]).unknown, ["kube", "toString"])
  })
})

describe("Groups", () => {
  it("are files that exist and need parts that are known", () => {
    const known = parts.map(({ name }) => name)
    for (const { file, parts } of Object.values(groups)) {
      assert.isTrue(existsSync(fileURLToPath(new URL(`../../../../${file}`, import.meta.url))), file)
      for (const part of parts) assert.include(known, part)
    }
  })
})
