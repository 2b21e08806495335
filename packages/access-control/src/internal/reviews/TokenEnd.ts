import { Option, Schema } from "effect"

const Claims = Schema.fromJsonString(Schema.Struct({ exp: Schema.Finite }))
const decodeClaims = Schema.decodeUnknownOption(Claims)

/**
 * The time a token ends by its own word: a JWT's `exp` (RFC 7519, section 4.1.4), in milliseconds since the epoch. Infinite
 * for a token that says nothing. Nobody has looked at its signature: it can take a token's worth away, never give any.
 */
export const tokenEnd = (token: string): number => {
  const [, payload, signature] = token.split(".")
  if (payload === undefined || signature === undefined) return Number.POSITIVE_INFINITY
  return Option.match(decodeClaims(Buffer.from(payload, "base64url").toString()), {
    onNone: () => Number.POSITIVE_INFINITY,
    onSome: ({ exp }) => exp * 1000
  })
}
