import { generateKeyPairSync, type KeyObject, sign } from "node:crypto"

/** Issuer and default audience of service account tokens. */
export const tokenIssuer = "https://kubernetes.default.svc"

/** The key pair for service account tokens. `key` is the private key that signs them. */
export interface SigningKey {
  readonly privatePem: string
  readonly publicPem: string
  readonly key: KeyObject
}

export const makeSigningKey = (): SigningKey => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  return {
    key: privateKey,
    privatePem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicPem: publicKey.export({ type: "spki", format: "pem" }).toString()
  }
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url")

/** The service account for which a token is issued. */
export interface TokenSubject {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

/**
 * Returns a signed service account token with any lifetime, even a negative one. The API server itself issues no token
 * for less than ten minutes.
 */
export const make = (
  key: SigningKey,
  account: TokenSubject,
  lifetimeSeconds: number,
  audience: string = tokenIssuer
): string => {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: tokenIssuer,
    aud: [audience],
    sub: `system:serviceaccount:${account.namespace}:${account.name}`,
    iat: now,
    nbf: now - 5,
    exp: now + lifetimeSeconds,
    jti: crypto.randomUUID(),
    "kubernetes.io": {
      namespace: account.namespace,
      serviceaccount: { name: account.name, uid: account.uid }
    }
  }
  const signed = `${encode({ alg: "ES256", typ: "JWT" })}.${encode(claims)}`
  const signature = sign("sha256", Buffer.from(signed), { key: key.key, dsaEncoding: "ieee-p1363" })
  return `${signed}.${signature.toString("base64url")}`
}
