/**
 * A challenge of a WWW-Authenticate field. Scheme and parameter names are in lowercase. Source: RFC 9110, section
 * 11.6.1. This package has its own parser, because no maintained library parses a list of challenges without throwing.
 */
export interface Challenge {
  readonly scheme: string
  /** The bare token that some schemes have instead of parameters. */
  readonly token68?: string
  readonly parameters: ReadonlyMap<string, string>
}

/** The maximum number of characters of the field that are parsed. Registries send much shorter fields. */
export const maxHeaderLength = 8192

const separators = /[\s,]*/y
const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y
const token68 = / +([A-Za-z0-9\-._~+/]+=*)(?=[ \t]*(?:,|$))/y
// Unquoted values should be tokens, but some registries write URLs with queries unquoted.
const parameter = /([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/sy

/** Returns all valid challenges of a WWW-Authenticate field, and skips other text. Never throws. */
export const parse = (header: string): ReadonlyArray<Challenge> => {
  const input = header.slice(0, maxHeaderLength)
  let position = 0
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = position
    const match = pattern.exec(input)
    if (match === null) return undefined
    position = pattern.lastIndex
    return match
  }
  const takeParameters = (): ReadonlyMap<string, string> => {
    const parameters = new Map<string, string>()
    for (;;) {
      take(separators)
      const match = take(parameter)
      if (match === undefined) return parameters
      const name = (match[1] ?? "").toLowerCase()
      const value = match[2] === undefined ? (match[3] ?? "") : match[2].replace(/\\(.)/gs, "$1")
      if (!parameters.has(name)) parameters.set(name, value)
    }
  }
  const challenges: Array<Challenge> = []
  while (position < input.length) {
    take(separators)
    const scheme = take(token)?.[0].toLowerCase()
    if (scheme === undefined) {
      position++
      continue
    }
    const bare = take(token68)?.[1]
    challenges.push(
      bare === undefined
        ? { scheme, parameters: takeParameters() }
        : { scheme, token68: bare, parameters: new Map() }
    )
  }
  return challenges
}

const quote = (value: string): string => `"${value.replace(/["\\]/g, "\\$&")}"`

/** Formats challenges as one field value, which {@link parse} parses to the same challenges. */
export const format = (challenges: ReadonlyArray<Challenge>): string =>
  challenges
    .map(({ scheme, token68, parameters }) =>
      token68 !== undefined
        ? `${scheme} ${token68}`
        : parameters.size === 0
          ? scheme
          : `${scheme} ${[...parameters].map(([name, value]) => `${name}=${quote(value)}`).join(", ")}`
    )
    .join(", ")
