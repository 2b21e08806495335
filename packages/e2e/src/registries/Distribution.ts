import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { Effect } from "effect"
import * as Registry from "./Registry.ts"
import * as TokenServer from "./TokenServer.ts"

/**
 * Starts Distribution's registry. `command` is the program. If `wantsTokens` is true, clients need a token of a token
 * service, and `issuedScopes` returns the scopes of each issued token.
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
