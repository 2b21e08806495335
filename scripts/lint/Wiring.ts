/** The texts of source files, by path. */
export type Sources = Readonly<Record<string, string>>

const withoutComments = (source: string): string => source.replace(/\/\*[^]*?\*\/|\/\/.*$/gm, "")

/**
 * Returns the flags among `keys` whose value no source reads. A mention of the flag's definition, such as
 * `flags.<key>`, does not count as a read.
 */
export const unreadFlags = (keys: ReadonlyArray<string>, sources: Sources): ReadonlyArray<string> => {
  const texts = Object.values(sources).map((source) =>
    withoutComments(source)
      .replace(/const \{[^{}]*\} = flags\b/g, "")
      .replace(/\bflags\.\w+/g, "")
  )
  return keys.filter((key) => !texts.some((text) => new RegExp(`\\b${key}\\b`).test(text)))
}

/** Returns the text of each top-level declaration by name. The text extends to the next declaration. */
const declarationsOf = (source: string): ReadonlyMap<string, string> => {
  const found = [...source.matchAll(/^(?:export )?(?:const|function|type|interface) (\w+)/gm)]
  return new Map(
    found.map(({ 1: name = "", index }, at) => [
      name,
      source.slice(index, found[at + 1]?.index ?? source.length)
    ])
  )
}

/** Returns the names of unused metrics. `module` is the text of a Metrics.ts, and `others` are all other sources. */
export const unusedMetrics = (module: string, others: Sources): ReadonlyArray<string> => {
  const declarations = declarationsOf(withoutComments(module))
  const mentions = (text: string, name: string): boolean => new RegExp(`\\b${name}\\b`).test(text)
  const texts = Object.values(others).map(withoutComments)
  const used = new Set(
    [...declarations.keys()].filter((name) =>
      texts.some(
        (text) =>
          mentions(text, `\\w*Metrics\\.${name}`) ||
          /\{[^{}]*\} from "[^"]*\/Metrics(?:\.ts)?"/.exec(text)?.[0].includes(name)
      )
    )
  )
  // A used declaration uses all declarations that it mentions. The set grows during the iteration.
  for (const name of used) {
    for (const other of declarations.keys()) {
      if (mentions(declarations.get(name) ?? "", other)) used.add(other)
    }
  }
  return [...declarations]
    .filter(([name, text]) => /^(?:export )?const \w+ = Metric\.\w+\(/.test(text) && !used.has(name))
    .map(([name]) => name)
}
