import { Redacted, Result } from "effect"

// An import would evaluate all lazy exports of the modules and keep them in memory.
const { createPrivateKey, X509Certificate } = process.getBuiltinModule("node:crypto")
const tls = process.getBuiltinModule("node:tls")

/** The certificate chain and private key of a TLS server, as PEM. */
export interface KeyPair {
  /** The server's certificate first, then the intermediate certificates. */
  readonly certificates: string
  readonly privateKey: Redacted.Redacted
}

const blocks = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** Parses all certificates in a PEM text. Returns an empty array if one of them cannot be parsed. */
export const parseCertificates = (text: string): ReadonlyArray<InstanceType<typeof X509Certificate>> => {
  try {
    return (text.match(blocks) ?? []).map((block) => new X509Certificate(block))
  } catch {
    return []
  }
}

const attempt = <A>(run: () => A): A | undefined => {
  try {
    return run()
  } catch {
    return undefined
  }
}

/**
 * Parses the PEM texts of a certificate chain and its private key, and checks that the key belongs to the first
 * certificate. Fails with the reason as text. The text contains no part of the key.
 */
export const parse = (certificates: string, privateKey: string): Result.Result<KeyPair, string> => {
  const [own] = parseCertificates(certificates)
  if (own === undefined) return Result.fail("the certificate file holds no valid PEM certificate")
  const key = attempt(() => createPrivateKey(privateKey))
  if (key === undefined) {
    return Result.fail("the private key file holds no valid unencrypted PEM private key")
  }
  if (attempt(() => own.checkPrivateKey(key)) !== true)
    return Result.fail("the private key does not belong to the first certificate")
  const context = attempt(() => tls.createSecureContext({ cert: certificates, key: privateKey }))
  if (context === undefined) return Result.fail("TLS cannot use this certificate and key")
  return Result.succeed({ certificates, privateKey: Redacted.make(privateKey) })
}

/**
 * Returns the earliest expiry of the certificates in a PEM text, in milliseconds since the epoch. Infinity if the text
 * has no certificates, or an invalid certificate.
 */
export const earliestExpiry = (certificates: string): number =>
  Math.min(...parseCertificates(certificates).map(({ validToDate }) => validToDate.getTime()))
