import { Redacted, Result } from "effect"

// Not imported: as modules they evaluate their lazy exports, which stay resident.
const { createPrivateKey, X509Certificate } = process.getBuiltinModule("node:crypto")
const tls = process.getBuiltinModule("node:tls")

/** What a TLS server proves itself with, as PEM. */
export interface KeyPair {
  /** Its own certificate first, then those up to its authority's. */
  readonly certificates: string
  readonly privateKey: Redacted.Redacted
}

const blocks = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** Every certificate in a PEM text; none where one of them cannot be read, or where there is none. */
export const certificatesOf = (text: string): ReadonlyArray<InstanceType<typeof X509Certificate>> => {
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

/** The pair that two files' texts are, or what is wrong with them, in words that show nothing of the key. */
export const parse = (certificates: string, privateKey: string): Result.Result<KeyPair, string> => {
  const [own] = certificatesOf(certificates)
  if (own === undefined)
    return Result.fail("the certificate file holds no certificate that can be read (PEM)")
  const key = attempt(() => createPrivateKey(privateKey))
  if (key === undefined) {
    return Result.fail("the private key file holds no unencrypted private key that can be read (PEM)")
  }
  if (attempt(() => own.checkPrivateKey(key)) !== true)
    return Result.fail("the private key is not the first certificate's")
  const context = attempt(() => tls.createSecureContext({ cert: certificates, key: privateKey }))
  if (context === undefined) return Result.fail("TLS cannot use this certificate and key")
  return Result.succeed({ certificates, privateKey: Redacted.make(privateKey) })
}

/** When the first of these certificates to end does, in milliseconds since the epoch. */
export const endOf = (certificates: string): number =>
  Math.min(...certificatesOf(certificates).map(({ validToDate }) => validToDate.getTime()))
