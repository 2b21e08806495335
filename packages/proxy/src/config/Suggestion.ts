import { Option } from "effect"

const distance = (a: string, b: string): number => {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(substitution, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}

/**
 * Returns the name most similar to `text`. The Levenshtein distance between the two must be at most 3. If `text` has at
 * least 4 characters, a name that contains `text` counts as having the distance 1. Returns none if no name is similar,
 * or if `text` has more than 64 characters.
 */
export const suggestion = (text: string, names: ReadonlyArray<string>): Option.Option<string> => {
  if (text.length > 64) return Option.none()
  let best = Option.none<string>()
  let least = 4
  for (const name of names) {
    const candidate = text.length >= 4 && name.includes(text) ? 1 : distance(text, name)
    if (candidate < least) {
      best = Option.some(name)
      least = candidate
    }
  }
  return best
}
