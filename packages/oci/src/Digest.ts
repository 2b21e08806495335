import { Schema } from "effect"

const pattern = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/

/**
 * A content digest: `sha256:` with 64 lowercase hex digits, or `sha512:` with 128 lowercase hex digits. Source: OCI
 * image-spec, descriptor.md, "Digests".
 */
export const Digest = Schema.String.check(
  Schema.isPattern(pattern, {
    expected: "sha256: and 64, or sha512: and 128 lowercase hex digits"
  })
).pipe(Schema.brand("Digest"))
export type Digest = typeof Digest.Type

export const isDigest = Schema.is(Digest)

export type DigestAlgorithm = "sha256" | "sha512"

/** Returns the algorithm, which is the part of the digest before the colon. */
export const algorithm = (digest: Digest): DigestAlgorithm =>
  digest.startsWith("sha256:") ? "sha256" : "sha512"

/** Returns the hex digits, which follow the colon in the digest. */
export const encoded = (digest: Digest): string => digest.slice(7)

/** Returns the algorithm and the first twelve hex digits of the digest, for messages. */
export const shortDigest = (digest: Digest): string => `${algorithm(digest)}:${encoded(digest).slice(0, 12)}`

/** The SHA-256 digest and the SHA-512 digest of an empty blob. */
export const emptyDigests: ReadonlySet<Digest> = new Set([
  Digest.make("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
  Digest.make(
    "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
  )
])
