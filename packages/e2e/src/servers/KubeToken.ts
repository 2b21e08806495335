import { generateKeyPairSync, type KeyObject, sign } from "node:crypto"

/** The issuer that the API server is told of, and the audience it takes tokens for. */
export const issuer = "https://kubernetes.default.svc"

/** The key that service accounts' tokens are signed with. */
export interface SigningKey {
  readonly privatePem: string
  readonly publicPem: string
  readonly key: KeyObject
}

export const makeKey = (): SigningKey => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  return {
    key: privateKey,
    privatePem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicPem: publicKey.export({ type: "spki", format: "pem" }).toString()
  }
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url")

/** Whose token it is. */
export interface ServiceAccount {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

/**
 * A token as the API server makes one, signed with its key, since the API server itself makes none for less than ten
 * minutes.
 */
export const make = (
  key: SigningKey,
  account: ServiceAccount,
  lifetimeSeconds: number,
  audience: string = issuer
): string => {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: issuer,
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
