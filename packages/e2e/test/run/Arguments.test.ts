import { assert, describe, it } from "@effect/vitest"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parse } from "../../src/run/Arguments.ts"
import { groupNames, testGroups } from "../../src/run/TestGroups.ts"
import { requiredPrograms } from "../../src/run/RequiredPrograms.ts"

describe("Arguments", () => {
  it("runs every group unless some are named", () => {
    assert.deepStrictEqual(parse([]), {
      install: false,
      skipBuild: false,
      groups: groupNames,
      vitestOptions: [],
      unknownGroups: []
    })
    assert.deepStrictEqual(parse(["restart", "registry"]).groups, ["registry", "restart"])
  })

  it("passes options to vitest, except --install and --skip-build", () => {
    const { groups, install, skipBuild, vitestOptions } = parse([
      "--install",
      "--skip-build",
      "--reporter=json",
      "clients",
      "--outputFile.json=x"
    ])
    assert.deepStrictEqual([install, skipBuild, groups], [true, true, ["clients"]])
    assert.deepStrictEqual(vitestOptions, ["--reporter=json", "--outputFile.json=x"])
  })

  it("reports words that name no group", () => {
    assert.deepStrictEqual(parse(["registry", "kube", "toString"]).unknownGroups, ["kube", "toString"])
  })
})

describe("TestGroups", () => {
  it("are files that exist and need programs that are listed", () => {
    const known = requiredPrograms.map(({ name }) => name)
    for (const { file, programs } of Object.values(testGroups)) {
      assert.isTrue(existsSync(fileURLToPath(new URL(`../../../../${file}`, import.meta.url))), file)
      for (const program of programs) assert.include(known, program)
    }
  })
})
