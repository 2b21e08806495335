import { assert, describe, it } from "@effect/vitest"
import { rules } from "@registry-packages-proxy/proxy/http/Access"
import { readFileSync } from "node:fs"

const read = (name: string): string => readFileSync(new URL(`../../deploy/${name}`, import.meta.url), "utf8")

/** The documents of a file without its comments. */
const documents = (text: string): ReadonlyArray<string> =>
  text.split(/^---$/m).map((document) => document.replaceAll(/^\s*#.*\n/gm, "").trim())

const manifest = documents(read("manifest.yaml"))

describe("manifest.yaml", () => {
  it("has every object of rbac.yaml as it is there", () => {
    const own = documents(read("rbac.yaml"))
    assert.isAbove(own.length, 3)
    for (const document of own) assert.include(manifest, document)
  })

  it("has a role for each right that the secure port asks for", () => {
    for (const rule of Object.values(rules)) {
      if (rule === "anonymous") continue
      const role = manifest.find(
        (document) =>
          /^kind: Role$/m.test(document) && document.includes(`[${rule.resource}/${rule.subresource}]`)
      )
      assert.isDefined(role)
      assert.include(role, `namespace: ${rule.namespace}`)
      assert.include(role, `apiGroups: [${rule.group}]`)
      assert.include(role, `resourceNames: [${rule.name}]`)
      assert.include(role, `verbs: [${rule.verb}]`)
    }
  })
})
