import { type Option, Schema } from "effect"

const component = "[a-z0-9]+(?:(?:\\.|_{1,2}|-+)[a-z0-9]+)*"
const pattern = new RegExp(`^${component}(?:/${component})*$`)

/**
 * The maximum length of a name, in characters. Many clients have this limit. Source: distribution-spec, "Pulling
 * manifests".
 */
export const maxNameLength = 255

const accepted = "lowercase letters and digits, joined by . _ __ or dashes, in components separated by /"

/** A repository's `<name>` on a registry, at most 255 characters. Source: distribution-spec, "Pulling manifests". */
export const RepositoryName = Schema.String.check(
  Schema.isMaxLength(maxNameLength),
  Schema.isPattern(pattern, { expected: accepted })
).pipe(Schema.brand("RepositoryName"))
export type RepositoryName = typeof RepositoryName.Type

/** Components to append to a repository's name, such as `modules/deckhouse`. May be empty. */
export const PathComponents = Schema.String.check(
  Schema.isMaxLength(maxNameLength),
  Schema.makeFilter((path) => path === "" || pattern.test(path), { expected: accepted })
).pipe(Schema.brand("PathComponents"))
export type PathComponents = typeof PathComponents.Type

/** The path without components. Joined to a repository's name, it leaves the name unchanged. */
export const emptyPath = PathComponents.make("")

const decodePath = Schema.decodeUnknownOption(PathComponents)

/** Removes slashes from the end. */
export const trimTrailingSlashes = (input: string): string => {
  let end = input.length
  while (end > 0 && input[end - 1] === "/") end--
  return input.slice(0, end)
}

/** Removes slashes from the start and the end. */
export const trimSlashes = (input: string): string => {
  let start = 0
  while (input[start] === "/") start++
  return trimTrailingSlashes(input.slice(start))
}

/** Parses a path, and ignores slashes at the start and the end. None if the path is invalid. */
export const parsePath = (input: string): Option.Option<PathComponents> => decodePath(trimSlashes(input))

const decodeName = Schema.decodeUnknownOption(RepositoryName)

/**
 * Returns the name of the repository at `path` below `prefix`. None if the name is empty or longer than 255 characters.
 */
export const joinPath = (
  prefix: PathComponents | RepositoryName,
  path: PathComponents
): Option.Option<RepositoryName> => decodeName([prefix, path].filter((part) => part !== "").join("/"))
