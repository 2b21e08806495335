// @peculiar/x509 requires that this module is loaded first.
import "reflect-metadata"
import * as x509 from "@peculiar/x509"
import { Effect } from "effect"

/** A certificate with its private key, in PEM. */
export interface IssuedCertificate {
  readonly cert: string
  readonly key: string
  /**
   * The certificates to send in a TLS handshake. Contains only `cert`, so a test must append any intermediate
   * certificates.
   */
  readonly chain: string
  /** The certificate of the authority that issued `cert`, for clients to trust. */
  readonly ca: string
}

/** An X.509 extension to add to a certificate. The value is not checked. */
export interface CertificateExtension {
  /** The OID in dotted form, such as `2.5.29.17`. */
  readonly type: string
  readonly critical?: boolean
  /** The value in DER. */
  readonly value: Uint8Array
}

/** The fields of a certificate. The defaults make a valid server certificate for loopback. */
export interface CertificateOptions {
  readonly commonName?: string
  /**
   * The whole subject, in the format of RFC 4514. Overrides `commonName` and `organizations`. Its components are
   * encoded in the order of the text, although RFC 4514 requires the reverse order.
   */
  readonly subject?: string
  /** The organizations (O) in the subject. Kubernetes reads them as the groups of a client. */
  readonly organizations?: ReadonlyArray<string>
  /** Host names and IP addresses. Default: `localhost`, `127.0.0.1` and `::1`. */
  readonly subjectAltNames?: ReadonlyArray<string>
  readonly notBefore?: Date
  readonly notAfter?: Date
  /** Default: `server`. */
  readonly extendedKeyUsage?: ExtendedKeyUsage
  readonly keyUsage?: "digitalSignature" | "keyEncipherment"
  /** The length of the RSA key in bits. Default: no RSA key, but an ECDSA key on P-256. */
  readonly rsaBits?: number
  readonly extensions?: ReadonlyArray<CertificateExtension>
}

/** The extended key usage. `any` is `anyExtendedKeyUsage`, and `none` omits the extension. */
export type ExtendedKeyUsage = "server" | "client" | "any" | "none"

/** The fields of a certificate authority's own certificate. */
export interface AuthorityOptions {
  /** The distinguished name, such as `CN=root`. Default: a unique name. */
  readonly name?: string
  readonly notAfter?: Date
  readonly extendedKeyUsage?: ExtendedKeyUsage
  readonly extensions?: ReadonlyArray<CertificateExtension>
}

/** A certificate authority for tests. Its private key stays in memory. */
export interface CertificateAuthority {
  readonly cert: string
  readonly issue: (request?: CertificateOptions) => Effect.Effect<IssuedCertificate>
  /** Makes an intermediate authority, whose certificate this authority signs. */
  readonly makeIntermediate: (request?: AuthorityOptions) => Effect.Effect<CertificateAuthority>
  /** Issues a certificate that expired a day ago. */
  readonly issueExpired: Effect.Effect<IssuedCertificate>
  /** Issues a certificate that is valid for `other.invalid` and `192.0.2.1`, but not for loopback. */
  readonly issueForOtherHost: Effect.Effect<IssuedCertificate>
}

const loopback = ["localhost", "127.0.0.1", "::1"]
const day = 86_400_000
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }

const generateKeys = (rsaBits?: number) =>
  crypto.subtle.generateKey(
    rsaBits === undefined
      ? algorithm
      : {
          name: "RSASSA-PKCS1-v1_5",
          hash: "SHA-256",
          modulusLength: rsaBits,
          publicExponent: new Uint8Array([1, 0, 1])
        },
    true,
    ["sign", "verify"]
  )

const isAddress = (name: string): boolean => name.includes(":") || /^[0-9.]+$/.test(name)

const keyPem = async (key: CryptoKey): Promise<string> =>
  x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")

const subject = (request: CertificateOptions): string =>
  request.subject ??
  [`CN=${request.commonName ?? "testkit"}`, ...(request.organizations ?? []).map((name) => `O=${name}`)].join(
    ", "
  )

const usages = {
  server: [x509.ExtendedKeyUsage.serverAuth],
  client: [x509.ExtendedKeyUsage.clientAuth],
  any: ["2.5.29.37.0"],
  none: []
} as const satisfies Record<ExtendedKeyUsage, ReadonlyArray<string>>

const usageOf = (usage: ExtendedKeyUsage): ReadonlyArray<x509.Extension> =>
  usage === "none" ? [] : [new x509.ExtendedKeyUsageExtension([...usages[usage]])]

const others = (extensions: ReadonlyArray<CertificateExtension> = []): ReadonlyArray<x509.Extension> =>
  extensions.map(({ critical = false, type, value }) => new x509.Extension(type, critical, value))

/** Returns PEM that ends in a line break, so that certificates can be concatenated. */
const pemOf = (certificate: x509.X509Certificate): string => `${certificate.toString("pem")}\n`

interface Signer {
  readonly certificate: x509.X509Certificate
  readonly privateKey: CryptoKey
}

const issue = async (
  { certificate: authority, privateKey: signingKey }: Signer,
  request: CertificateOptions
): Promise<IssuedCertificate> => {
  const keys = await generateKeys(request.rsaBits)
  const names = request.subjectAltNames ?? loopback
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
      new x509.KeyUsagesExtension(x509.KeyUsageFlags[request.keyUsage ?? "digitalSignature"], true),
      ...usageOf(request.extendedKeyUsage ?? "server"),
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => ({ type: isAddress(name) ? "ip" : "dns", value: name }))
      ),
      await x509.AuthorityKeyIdentifierExtension.create(authority),
      ...others(request.extensions)
    ]
  })
  const cert = certificate.toString("pem")
  return { cert, chain: cert, key: await keyPem(keys.privateKey), ca: pemOf(authority) }
}

const authority = async (request: AuthorityOptions, parent?: Signer): Promise<CertificateAuthority> => {
  const keys = await generateKeys()
  const name = request.name ?? `CN=testkit authority ${crypto.randomUUID()}`
  const common = {
    notBefore: new Date(Date.now() - 2 * day),
    notAfter: request.notAfter ?? new Date(Date.now() + 365 * day),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...usageOf(request.extendedKeyUsage ?? "none"),
      ...others(request.extensions)
    ]
  }
  const certificate = await (parent === undefined
    ? x509.X509CertificateGenerator.createSelfSigned({ ...common, name, keys })
    : x509.X509CertificateGenerator.create({
        ...common,
        subject: name,
        issuer: parent.certificate.subject,
        publicKey: keys.publicKey,
        signingKey: parent.privateKey
      }))
  const signer = { certificate, privateKey: keys.privateKey }
  const issueFor = (request: CertificateOptions = {}) => Effect.promise(() => issue(signer, request))
  return {
    cert: pemOf(certificate),
    issue: issueFor,
    makeIntermediate: (request = {}) => Effect.promise(() => authority(request, signer)),
    issueExpired: issueFor({
      notBefore: new Date(Date.now() - 2 * day),
      notAfter: new Date(Date.now() - day)
    }),
    issueForOtherHost: issueFor({ subjectAltNames: ["other.invalid", "192.0.2.1"] })
  }
}

/** Makes a self-signed certificate authority. Its certificate has the requested fields. */
export const makeAuthorityWith = (request: AuthorityOptions): Effect.Effect<CertificateAuthority> =>
  Effect.promise(() => authority(request))

/** Makes a self-signed certificate authority with the default fields. */
export const makeAuthority: Effect.Effect<CertificateAuthority> = makeAuthorityWith({})
