import { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import { locationBase, locationCases } from "@registry-packages-proxy/testkit/wire/LocationCases"
import { Effect, Result } from "effect"
import * as fc from "fast-check"
import type { Target } from "./FuzzSuite.ts"
import { nearBytes } from "./Mutations.ts"

interface Redirected {
  readonly first: string
  readonly second: string
}

const location = nearBytes({
  samples: locationCases.map(({ location }) => location),
  pieces: ["https://", "//", "@", "[::1]", ":443", "/../", "/./", "?a=", "'", "|", "%zz", "xn--", "\xd1\x84"],
  longest: 200_000
})

/**
 * Fuzzes the Location headers of two successive redirects. Each header must be rejected or give a valid URL. Parsing
 * this URL again must give an equal URL.
 */
export const target: Target<Redirected> = {
  name: "Location",
  input: fc.record({ first: location, second: location }),
  size: ({ first, second }) => first.length + second.length,
  millisPerMiB: 8_000,
  make: Effect.succeed(({ first, second }) => {
    let base = Result.getOrThrow(HttpUrl.parse(locationBase))
    for (const text of [first, second]) {
      const result = HttpUrl.resolve(base, text)
      if (Result.isFailure(result)) break
      base = result.success
      if (!/^\/[\x21-\x7e\x80-\xff]*$/.test(base.target)) throw new Error(`a target: ${base.target}`)
      if (!/^[\x21-\x7e]{1,300}$/.test(base.authority)) throw new Error(`a Host: ${base.authority}`)
      const again = Result.getOrThrow(HttpUrl.parse(base.href))
      if (again.href !== base.href || again.origin !== base.origin)
        throw new Error(`${base.href}, ${again.href}`)
    }
    return Promise.resolve()
  })
}
