/**
 * Matches the heading of a release, or of the unreleased changes, in docs/CHANGELOG.md. Source: the format of
 * keepachangelog.com.
 */
const heading = /^## \[(?<name>[^\]]+)\](?: - (?<day>\d{4}-\d\d-\d\d))?$/gm

interface Section {
  readonly name: string
  readonly start: number
  readonly end: number
  readonly body: string
}

const sections = (text: string): ReadonlyArray<Section> => {
  const found = [...text.matchAll(heading)]
  return found.map((match, index) => {
    const end = found[index + 1]?.index ?? text.length
    const body = text.slice(match.index + match[0].length, end).trim()
    return { name: match.groups?.["name"] ?? "", start: match.index, end, body }
  })
}

/**
 * Returns the changelog with a section for `version`. If `text` has no such section, the unreleased changes become this
 * section, with the date `day`. Throws if the section would be empty, since a release without changes is a mistake.
 */
export const withReleaseSection = (text: string, version: string, day: string): string => {
  const all = sections(text)
  const own = all.find(({ name }) => name === version)
  if (own !== undefined) {
    if (own.body === "") throw new Error(`docs/CHANGELOG.md has an empty section [${version}]`)
    return text
  }
  const unreleased = all.find(({ name }) => name === "Unreleased")
  if (unreleased === undefined || unreleased.body === "") {
    throw new Error(`docs/CHANGELOG.md has no section [${version}] and no changes under [Unreleased]`)
  }
  const { body, end, start } = unreleased
  const rest = text.slice(end)
  return `${text.slice(0, start)}## [Unreleased]\n\n## [${version}] - ${day}\n\n${body}\n${rest === "" ? "" : `\n${rest}`}`
}
