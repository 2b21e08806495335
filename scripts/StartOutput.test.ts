import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { assert, describe, it } from "vitest"
import * as StartOutput from "./StartOutput.ts"

const root = resolve(import.meta.dirname, "..")

describe("README files", () => {
  it("show the output of npm start (correct them: node_modules/.bin/node scripts/start-output.ts)", async () => {
    const output = await StartOutput.runStart(root, ["--listen-address", "127.0.0.1:0"])
    for (const file of StartOutput.readmes) {
      assert.strictEqual(
        StartOutput.normalize(StartOutput.excerptInReadme(readFileSync(resolve(root, file), "utf8"))),
        StartOutput.normalize(StartOutput.excerpt(output)),
        file
      )
    }
  })

  it("are compared without the parts that vary between runs", () => {
    assert.strictEqual(
      StartOutput.normalize("kubelet 1.31.6   64 MiB  hit   3.1 ms   1.6 s  http://127.0.0.1:5080/"),
      "kubelet 1.31.6  64 MiB  hit  TIME  TIME  http://127.0.0.1:PORT/"
    )
  })
})
