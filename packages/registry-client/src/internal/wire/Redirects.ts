import { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import { Effect } from "effect"
import { BadRedirect } from "../../RegistryError.ts"
import * as Limits from "./Limits.ts"
import { permanent, type PullFailure } from "./PullFailure.ts"

/** The statuses of a redirect. Source: RFC 9110, section 15.4. */
export const statuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** Makes the failure of a redirect that cannot be followed. */
export const badRedirect = (detail: string): PullFailure => permanent(new BadRedirect({ detail }))

/** Returns the URL of a redirect target. Fails with `BadRedirect` if `location` is absent or not an HTTP URL. */
const targetOf = (from: HttpUrl, location: string | undefined): Effect.Effect<HttpUrl, PullFailure> => {
  if (location === undefined) return Effect.fail(badRedirect(`${from.host} redirects without a Location`))
  return Effect.mapError(Effect.fromResult(HttpUrl.resolve(from, location)), ({ reason }) =>
    badRedirect(
      reason === "unsupported scheme"
        ? `${from.host} redirects to a URL that is neither https nor http`
        : `${from.host} redirects to something that is not a URL`
    )
  )
}

/**
 * Follows the redirects for one response. Follows at most {@link Limits.maxRedirects} redirects, and never follows a
 * redirect to an earlier URL.
 */
export class RedirectChain {
  readonly #seen = new Set<string>()

  /**
   * Returns the URL to request after the server at `from` responded with this Location. Fails with `BadRedirect` if the
   * redirect cannot be followed.
   */
  follow(from: HttpUrl, location: string | undefined): Effect.Effect<HttpUrl, PullFailure> {
    this.#seen.add(from.href)
    return Effect.flatMap(targetOf(from, location), (url) => {
      if (this.#seen.has(url.href)) return Effect.fail(badRedirect("the redirects go in a circle"))
      return this.#seen.size > Limits.maxRedirects
        ? Effect.fail(badRedirect(`there are more than ${Limits.maxRedirects} redirects`))
        : Effect.succeed(url)
    })
  }
}
