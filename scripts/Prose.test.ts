import { assert, describe, it } from "vitest"
import { wrapProse } from "./Prose.ts"

const long = Array.from({ length: 30 }, (_, index) => `word${index}`).join(" ")

describe("prose", () => {
  it("is wrapped if a line is too long; items are indented", () => {
    assert.strictEqual(
      wrapProse(`- ${long}\n- short`),
      "- word0 word1 word2 word3 word4 word5 word6 word7 word8 word9 word10 word11 word12 word13 word14 word15 word16 word17\n" +
        "  word18 word19 word20 word21 word22 word23 word24 word25 word26 word27 word28 word29\n- short"
    )
  })

  it("is unchanged in code, rows, definitions and quoted tests, and if no line is too long", () => {
    for (const text of [
      `\`\`\`\n${long}\n\`\`\``,
      `| ${long} |`,
      `[Name]: ${long}`,
      `- promise\n  - [Name] "${long}"`,
      "short\nlines\nstay"
    ])
      assert.strictEqual(wrapProse(text), text)
  })

  it("keeps code together, and starts no line with a list mark", () => {
    const start = "x".repeat(115)
    assert.strictEqual(wrapProse(`${start} \`a b c d\` end`), `${start}\n\`a b c d\` end`)
    assert.strictEqual(wrapProse(`${start} word - end of it`), `${start}\nword - end of it`)
  })
})
