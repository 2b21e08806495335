import type * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { listenScoped } from "@registry-packages-proxy/testkit/wire/Listening"
import type { BasicCredentials } from "@registry-packages-proxy/testkit/wire/BasicCredentials"
import { Effect } from "effect"
import { createPrivateKey, sign, X509Certificate } from "node:crypto"
import { createServer } from "node:https"
import * as CollectedOutput from "../run/CollectedOutput.ts"

const lifetimeSeconds = 300
const service = "e2e-registry"
const issuer = "e2e-tokens"

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url")

/** Converts a scope, such as `repository:NAME:pull,push`, to an entry of the claim `access` in a token. */
const accessOf = (scope: string) => {
  const [type = "", name = "", actions = ""] = scope.split(":")
  return { type, name, actions: actions.split(",") }
}

/**
 * Returns a signed JWT (RFC 7519) that grants `scopes`. Its header contains the certificate with which the registry
 * verifies the JWT.
 */
const tokenFor = (account: string, scopes: ReadonlyArray<string>, signer: Certificates.IssuedCertificate) => {
  const now = Math.floor(Date.now() / 1000)
  const header = { typ: "JWT", alg: "ES256", x5c: [new X509Certificate(signer.cert).raw.toString("base64")] }
  const claims = {
    iss: issuer,
    sub: account,
    aud: service,
    iat: now,
    nbf: now - 10,
    exp: now + lifetimeSeconds,
    jti: crypto.randomUUID(),
    access: scopes.map(accessOf)
  }
  const signed = `${encode(header)}.${encode(claims)}`
  const key = { key: createPrivateKey(signer.key), dsaEncoding: "ieee-p1363" } as const
  return `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`
}

/**
 * Starts an HTTPS token service that follows the documentation of the Distribution project. Clients with the correct
 * password get all requested scopes, and other clients get 401.
 */
export const make = Effect.fnUntraced(function* (
  authority: Certificates.CertificateAuthority,
  { password, username }: BasicCredentials
) {
  const certificate = yield* authority.issue()
  const issuedScopes: Array<ReadonlyArray<string>> = []
  const basic = (password: string): string => `Basic ${btoa(`${username}:${password}`)}`
  let accepted = basic(password)
  const server = createServer({ cert: certificate.chain, key: certificate.key }, (request, response) => {
    if (request.headers.authorization !== accepted) {
      response.writeHead(401).end()
      return
    }
    const { searchParams } = new URL(request.url ?? "", "https://localhost")
    const scopes = searchParams.getAll("scope").flatMap((scope) => scope.split(" "))
    issuedScopes.push(scopes)
    const token = tokenFor(username, scopes, certificate)
    CollectedOutput.addSecret("a token of the registry's token service", token)
    response.writeHead(200, { "content-type": "application/json" })
    response.end(JSON.stringify({ token, expires_in: lifetimeSeconds, issued_at: new Date().toISOString() }))
  })
  const port = yield* listenScoped(server, () => {
    server.close()
    server.closeAllConnections()
  })
  return {
    /** The registry's settings for token authentication, except `rootcertbundle`. */
    settings: { realm: `https://127.0.0.1:${port}/token`, service, issuer },
    /** Changes the password that the token service accepts. */
    setPassword: (password: string): void => {
      accepted = basic(password)
    },
    /** Returns the scopes of each token that the service has issued so far. */
    issuedScopes: (): ReadonlyArray<ReadonlyArray<string>> => issuedScopes
  }
})

/** A running token service for a test registry. */
export type TokenServer = Effect.Success<ReturnType<typeof make>>
