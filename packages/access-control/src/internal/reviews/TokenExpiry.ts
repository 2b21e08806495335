import { Option, Schema } from "effect"

const Claims = Schema.fromJsonString(Schema.Struct({ exp: Schema.Finite }))
const decodeClaims = Schema.decodeUnknownOption(Claims)

/**
 * Returns the `exp` claim of a JWT (RFC 7519, section 4.1.4) in milliseconds since the epoch. Infinite if the token has
 * no readable `exp`. The signature is not checked, because `exp` can only shorten the time for which a token is
 * accepted.
 */
export const tokenExpiry = (token: string): number => {
  const [, payload, signature] = token.split(".")
  if (payload === undefined || signature === undefined) return Number.POSITIVE_INFINITY
  return Option.match(decodeClaims(Buffer.from(payload, "base64url").toString()), {
    onNone: () => Number.POSITIVE_INFINITY,
    onSome: ({ exp }) => exp * 1000
  })
}
