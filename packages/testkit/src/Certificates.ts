// Before @peculiar/x509: its dependency injection refuses to load without it.
import "reflect-metadata"
import * as x509 from "@peculiar/x509"
import { Effect } from "effect"

/** A certificate with its key, as PEM. */
export interface ServerCertificate {
  readonly cert: string
  readonly key: string
  /** The certificate, then those between it and the authority's. */
  readonly chain: string
  /** The authority's own certificate, which clients are to trust. */
  readonly ca: string
}

/** What a certificate is made out to, and what is wrong with it. */
export interface CertificateRequest {
  readonly commonName?: string
  /** O parts of the subject: a client certificate's groups. */
  readonly organizations?: ReadonlyArray<string>
  /** Host names and IP addresses; the loopback ones unless told. */
  readonly names?: ReadonlyArray<string>
  readonly notBefore?: Date
  readonly notAfter?: Date
  /** Server unless told. */
  readonly usage?: "server" | "client"
}

/** A certificate authority made for one test. */
export interface CertificateAuthority {
  readonly cert: string
  readonly issue: (request?: CertificateRequest) => Effect.Effect<ServerCertificate>
  /** One that ended a day ago. */
  readonly issueExpired: Effect.Effect<ServerCertificate>
  /** One for another host than this. */
  readonly issueForOther: Effect.Effect<ServerCertificate>
}

const loopback = ["localhost", "127.0.0.1", "::1"]
const day = 86_400_000
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }

const generateKeys = () => crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])

const isAddress = (name: string): boolean => name.includes(":") || /^[0-9.]+$/.test(name)

const keyPem = async (key: CryptoKey): Promise<string> =>
  x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")

const subject = (request: CertificateRequest): string =>
  [`CN=${request.commonName ?? "testkit"}`, ...(request.organizations ?? []).map((name) => `O=${name}`)].join(
    ", "
  )

const issue = async (
  authority: x509.X509Certificate,
  signingKey: CryptoKey,
  request: CertificateRequest
): Promise<ServerCertificate> => {
  const keys = await generateKeys()
  const names = request.names ?? loopback
  const certificate = await x509.X509CertificateGenerator.create({
    subject: subject(request),
    issuer: authority.subject,
    notBefore: request.notBefore ?? new Date(Date.now() - day),
    notAfter: request.notAfter ?? new Date(Date.now() + 30 * day),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        request.usage === "client" ? x509.ExtendedKeyUsage.clientAuth : x509.ExtendedKeyUsage.serverAuth
      ]),
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => ({ type: isAddress(name) ? "ip" : "dns", value: name }))
      ),
      await x509.AuthorityKeyIdentifierExtension.create(authority)
    ]
  })
  const cert = certificate.toString("pem")
  return { cert, chain: cert, key: await keyPem(keys.privateKey), ca: authority.toString("pem") }
}

/** A new authority, valid now; nothing is written to disk. */
export const makeAuthority: Effect.Effect<CertificateAuthority> = Effect.promise(async () => {
  const keys = await generateKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=testkit authority ${crypto.randomUUID()}`,
    notBefore: new Date(Date.now() - 2 * day),
    notAfter: new Date(Date.now() + 365 * day),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey)
    ]
  })
  const issueFor = (request: CertificateRequest = {}) =>
    Effect.promise(() => issue(certificate, keys.privateKey, request))
  return {
    cert: certificate.toString("pem"),
    issue: issueFor,
    issueExpired: issueFor({
      notBefore: new Date(Date.now() - 2 * day),
      notAfter: new Date(Date.now() - day)
    }),
    issueForOther: issueFor({ names: ["other.invalid", "192.0.2.1"] })
  }
})
