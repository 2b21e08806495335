import { type Option, Schema } from "effect"

const component = "[a-z0-9]+(?:(?:\\.|_{1,2}|-+)[a-z0-9]+)*"
const pattern = new RegExp(`^${component}(?:/${component})*$`)

/** The limit most registries have, for the whole name. Source: distribution-spec, "Pulling manifests". */
export const maxNameLength = 255

const accepted = "lowercase letters and digits, joined by . _ __ or dashes, in components separated by /"

/**
 * A repository's `<name>` on a registry, at most 255 characters.
 *
 * Source: distribution-spec, "Pulling manifests".
 */
export const RepositoryName = Schema.String.check(
  Schema.isMaxLength(maxNameLength),
  Schema.isPattern(pattern, { expected: accepted })
).pipe(Schema.brand("RepositoryName"))
export type RepositoryName = typeof RepositoryName.Type

/** Name components to append to a repository's name; the empty string appends nothing. */
export const PathComponents = Schema.String.check(
  Schema.isMaxLength(maxNameLength),
  Schema.makeFilter((path) => path === "" || pattern.test(path), { expected: accepted })
).pipe(Schema.brand("PathComponents"))
export type PathComponents = typeof PathComponents.Type

/** The path that appends nothing. */
export const noPath = PathComponents.make("")

const decodePath = Schema.decodeUnknownOption(PathComponents)

/** A text without the slashes at its end. */
export const trimEnd = (input: string): string => {
  let end = input.length
  while (end > 0 && input[end - 1] === "/") end--
  return input.slice(0, end)
}

/** A text without the slashes in front and at its end. */
export const trimSlashes = (input: string): string => {
  let start = 0
  while (input[start] === "/") start++
  return trimEnd(input.slice(start))
}

/** Reads a path as clients write it: slashes in front and at the end do not matter. */
export const parsePath = (input: string): Option.Option<PathComponents> => decodePath(trimSlashes(input))

const decodeName = Schema.decodeUnknownOption(RepositoryName)

/** The repository at `path` below `base`; none where the result is empty or longer than a name may be. */
export const join = (
  base: PathComponents | RepositoryName,
  path: PathComponents
): Option.Option<RepositoryName> => decodeName([base, path].filter((part) => part !== "").join("/"))
