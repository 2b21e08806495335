import { Digest } from "@registry-packages-proxy/oci/Digest"
import * as RepositoryKey from "@registry-packages-proxy/domain/RepositoryKey"
import { type PathComponents, parsePath } from "@registry-packages-proxy/oci/RepositoryName"
import { Option, Result, Schema } from "effect"
import { badRequest, type Problem } from "./Problem.ts"

/** The parsed query of a package request. */
export interface PackageQuery {
  readonly manifestDigest: Digest
  /** The parameter `repository`. None means the cluster's own registry. */
  readonly repository: Option.Option<RepositoryKey.RepositoryKey>
  readonly path: PathComponents
}

const decodeDigest = Schema.decodeUnknownOption(Digest)

const parameterNames = ["digest", "repository", "path"] as const

/** The values of `repository` that mean the cluster's own registry. Deckhouse's clients send `__default__`. */
const ownRegistry: ReadonlyArray<string> = ["", "__default__"]

const fail = (detail: string): Result.Result<never, Problem> => Result.fail(badRequest(detail))

/**
 * Parses a request's query (without the question mark). Ignores unknown parameters. An empty parameter counts as
 * absent. Fails if the digest is absent or if a known parameter is not valid. Also fails if a known parameter is
 * repeated, since another parser could use its other value.
 */
export const parse = (query: string): Result.Result<PackageQuery, Problem> => {
  const parameters = new URLSearchParams(query)
  for (const name of parameterNames) {
    if (parameters.getAll(name).length > 1)
      return fail(`The parameter ${name} is given more than once. Give it once.`)
  }
  const digestText = parameters.get("digest") ?? ""
  if (digestText === "") {
    return fail("The parameter digest is missing. Give the manifest's digest: sha256: and 64 hex digits.")
  }
  const digest = decodeDigest(digestText)
  if (Option.isNone(digest)) {
    return fail("The digest is malformed. Give sha256: and 64, or sha512: and 128 lowercase hex digits.")
  }
  const repositoryText = parameters.get("repository") ?? ""
  if (Buffer.byteLength(repositoryText) > RepositoryKey.maxKeyLength) {
    return fail(`The repository is longer than ${RepositoryKey.maxKeyLength} bytes. Give host[:port]/name.`)
  }
  const isOwn = ownRegistry.includes(repositoryText)
  const repository = isOwn ? Option.none() : RepositoryKey.parse(repositoryText)
  if (!isOwn && Option.isNone(repository)) {
    return fail(
      "The repository is malformed. Give host[:port]/name, or leave it empty for the cluster's own registry."
    )
  }
  const path = parsePath(parameters.get("path") ?? "")
  if (Option.isNone(path)) {
    return fail(
      "The path is malformed. Give lowercase name components separated by slashes, 255 characters at most."
    )
  }
  return Result.succeed({ manifestDigest: digest.value, repository, path: path.value })
}
