import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { Effect } from "effect"
import * as Registry from "./Registry.ts"
import * as TokenServer from "./TokenServer.ts"

/**
 * Starts the registry of the Distribution project. `command` is its program, and `name` is the name of its log. If
 * `wantsTokens` is true, clients need a token from a token service. `issuedScopes` of the result returns the scopes of
 * each token issued so far.
 */
export const make = Effect.fnUntraced(function* (
  name: string,
  command: string,
  { wantsTokens = false }: { readonly wantsTokens?: boolean } = {}
) {
  const authority = yield* Certificates.makeAuthority
  const tokens = wantsTokens ? yield* TokenServer.make(authority, Registry.registryUser) : undefined
  const registry = yield* Registry.make({
    name,
    command,
    authority,
    ...(tokens === undefined ? {} : { tokens })
  })
  return { ...registry, issuedScopes: () => tokens?.issuedScopes() ?? [] }
})
