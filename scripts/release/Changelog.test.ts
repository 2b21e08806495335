import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { describe, expect, it } from "vitest"
import { withReleaseSection } from "./Changelog.ts"

const text = `# Changelog

## [Unreleased]

### Added

- One file.

## [0.1.0] - 2026-01-01

### Added

- All of it.
`

describe("the changelog", () => {
  it("gives the unreleased section the version and day, and starts a new one", () => {
    expect(withReleaseSection(text, "0.2.0", "2026-02-02")).toBe(
      text.replace("## [Unreleased]\n", "## [Unreleased]\n\n## [0.2.0] - 2026-02-02\n")
    )
  })

  it("is unchanged if it has the version already", () => {
    expect(withReleaseSection(text, "0.1.0", "2026-02-02")).toBe(text)
    const released = withReleaseSection(text, "0.2.0", "2026-02-02")
    expect(withReleaseSection(released, "0.2.0", "2026-03-03")).toBe(released)
  })

  it("works without older sections", () => {
    expect(withReleaseSection("# Changelog\n\n## [Unreleased]\n\n- It is.\n", "1.0.0", "2026-02-02")).toBe(
      "# Changelog\n\n## [Unreleased]\n\n## [1.0.0] - 2026-02-02\n\n- It is.\n"
    )
  })

  it("refuses a release without an entry", () => {
    const released = withReleaseSection(text, "0.2.0", "2026-02-02")
    expect(() => withReleaseSection(released, "0.3.0", "2026-02-02")).toThrow(
      "has no section [0.3.0] and no changes under [Unreleased]"
    )
    expect(() => withReleaseSection("# Changelog\n", "0.3.0", "2026-02-02")).toThrow("has no section [0.3.0]")
    expect(() => withReleaseSection("## [1.0.0] - 2026-01-01\n", "1.0.0", "2026-02-02")).toThrow(
      "has an empty section [1.0.0]"
    )
  })

  it("of this project has an entry for the next release", () => {
    const own = readFileSync(resolve(import.meta.dirname, "../../docs/CHANGELOG.md"), "utf8")
    expect(withReleaseSection(own, "99.0.0", "2026-02-02")).toContain("## [99.0.0] - 2026-02-02")
  })
})
