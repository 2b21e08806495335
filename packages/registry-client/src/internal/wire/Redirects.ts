import { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import { Effect } from "effect"
import { BadRedirect } from "../../RegistryError.ts"
import * as Limits from "./Limits.ts"
import { final, type PullFailure } from "./PullFailure.ts"

/** The statuses that send a GET elsewhere. Source: RFC 9110, section 15.4. */
export const statuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

export const bad = (detail: string): PullFailure => final(new BadRedirect({ detail }))

/** The address that a redirect from `from` leads to. */
export const next = (from: HttpUrl, location: string | undefined): Effect.Effect<HttpUrl, PullFailure> => {
  if (location === undefined) return Effect.fail(bad(`${from.host} redirects without saying where`))
  return Effect.mapError(Effect.fromResult(HttpUrl.resolve(from, location)), ({ reason }) =>
    bad(
      reason === "unsupported scheme"
        ? `${from.host} redirects to an address that is neither https nor http`
        : `${from.host} redirects to what is not an address`
    )
  )
}

/** The redirects followed for one answer: bounded, and none to where one came from. */
export class Trail {
  readonly #seen = new Set<string>()

  /** Goes on from `from` to where its answer says. */
  follow(from: HttpUrl, location: string | undefined): Effect.Effect<HttpUrl, PullFailure> {
    this.#seen.add(from.href)
    return Effect.flatMap(next(from, location), (url) => {
      if (this.#seen.has(url.href)) return Effect.fail(bad("the redirects go in a circle"))
      return this.#seen.size > Limits.maxRedirects
        ? Effect.fail(bad(`there are more than ${Limits.maxRedirects} redirects`))
        : Effect.succeed(url)
    })
  }
}
