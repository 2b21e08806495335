import { execFile } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { assert, describe, it } from "vitest"

const sources = fileURLToPath(new URL("../src/", import.meta.url))

/** Runs an example until it exits, and returns the lines that it printed. */
const run = async (name: string): Promise<ReadonlyArray<string>> => {
  const { stdout } = await promisify(execFile)(process.execPath, [`${sources}${name}.ts`])
  return stdout.trim().split("\n")
}

const cached = "registry-packages-proxy"

describe("examples", () => {
  it("MockRegistry: a package is pulled once, and a stuck registry causes 504 until it responds again", async () => {
    assert.deepStrictEqual(await run("MockRegistry"), [
      `kubelet: 200, ${cached}; fwd=miss; stored`,
      `kubelet again: 200, ${cached}; hit`,
      "containerd, registry stuck: 504, Ask again later: registry.example.com did not begin its resp...",
      `containerd again: 200, ${cached}; fwd=miss; stored`,
      "the registry gave 2 blobs"
    ])
  })

  it("ObjectStorage: another proxy over the same bucket needs no registry", async () => {
    const [first, bucket = "", second, ...more] = await run("ObjectStorage")
    assert.strictEqual(first, `kubelet: 200, ${cached}; fwd=miss; stored`)
    assert.match(bucket, /^the bucket has sha256-[0-9a-f]+\.\.\., 14 bytes$/)
    assert.strictEqual(second, `kubelet from another proxy: 200, ${cached}; hit`)
    assert.deepStrictEqual(more, [])
  })

  it("VaultCredentials: the next pull uses a rotated password", async () => {
    const [first = "", ...more] = await run("VaultCredentials")
    assert.match(first, /^kubelet, old password: 502, Check the ModuleSource or Secret: 127\.0\.0\.1:/)
    assert.deepStrictEqual(more, [
      "the password was rotated",
      `kubelet, new password: 200, ${cached}; fwd=bypass`
    ])
  })

  it("fit on a screen: 60 lines at most", () => {
    for (const file of readdirSync(sources)) {
      const lines = readFileSync(`${sources}${file}`, "utf8").trimEnd().split("\n").length
      assert.isAtMost(lines, 60, file)
    }
  })
})
