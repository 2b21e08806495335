// @peculiar/x509 needs it loaded first.
import "reflect-metadata"
import * as x509 from "@peculiar/x509"
import { Effect } from "effect"

/** A certificate with its key, as PEM. */
export interface ServerCertificate {
  readonly cert: string
  readonly key: string
  /** The certificate, then the intermediate ones. */
  readonly chain: string
  /** The authority's certificate, for clients to trust. */
  readonly ca: string
}

/** A certificate extension, written as given. */
export interface ExtensionRequest {
  /** The OID in dotted form. */
  readonly type: string
  readonly critical?: boolean
  /** DER. */
  readonly value: Uint8Array
}

/** The fields of a certificate; what is left out makes a valid one. */
export interface CertificateRequest {
  readonly commonName?: string
  /** The whole subject, in place of `commonName` and `organizations` (RFC 4514, most significant part first). */
  readonly subject?: string
  /** O parts of the subject: the groups of a client certificate. */
  readonly organizations?: ReadonlyArray<string>
  /** Host names and IP addresses; default: the loopback ones. */
  readonly names?: ReadonlyArray<string>
  readonly notBefore?: Date
  readonly notAfter?: Date
  /** Default: `server`. */
  readonly usage?: Usage
  readonly keyUsage?: "digitalSignature" | "keyEncipherment"
  /** Key length of an RSA key; default: an ECDSA key on P-256. */
  readonly rsaBits?: number
  readonly extensions?: ReadonlyArray<ExtensionRequest>
}

/** The extended key usage: `any` is `anyExtendedKeyUsage`, `none` leaves the extension out. */
export type Usage = "server" | "client" | "any" | "none"

/** The fields of a certificate authority. */
export interface AuthorityRequest {
  /** The distinguished name; default: a unique one. */
  readonly name?: string
  readonly notAfter?: Date
  readonly usage?: Usage
  readonly extensions?: ReadonlyArray<ExtensionRequest>
}

/** A certificate authority made for one test. */
export interface CertificateAuthority {
  readonly cert: string
  readonly issue: (request?: CertificateRequest) => Effect.Effect<ServerCertificate>
  /** An authority below this one. */
  readonly intermediate: (request?: AuthorityRequest) => Effect.Effect<CertificateAuthority>
  /** A certificate that expired a day ago. */
  readonly issueExpired: Effect.Effect<ServerCertificate>
  /** A certificate for another host than loopback. */
  readonly issueForOtherHost: Effect.Effect<ServerCertificate>
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

const subject = (request: CertificateRequest): string =>
  request.subject ??
  [`CN=${request.commonName ?? "testkit"}`, ...(request.organizations ?? []).map((name) => `O=${name}`)].join(
    ", "
  )

const usages = {
  server: [x509.ExtendedKeyUsage.serverAuth],
  client: [x509.ExtendedKeyUsage.clientAuth],
  any: ["2.5.29.37.0"],
  none: []
} as const satisfies Record<Usage, ReadonlyArray<string>>

const usageOf = (usage: Usage): ReadonlyArray<x509.Extension> =>
  usage === "none" ? [] : [new x509.ExtendedKeyUsageExtension([...usages[usage]])]

const others = (extensions: ReadonlyArray<ExtensionRequest> = []): ReadonlyArray<x509.Extension> =>
  extensions.map(({ critical = false, type, value }) => new x509.Extension(type, critical, value))

/** Ends in a line break, so that certificates can be concatenated. */
const pemOf = (certificate: x509.X509Certificate): string => `${certificate.toString("pem")}\n`

/** A certificate and the key that signs with it. */
interface Signer {
  readonly certificate: x509.X509Certificate
  readonly privateKey: CryptoKey
}

const issue = async (
  { certificate: authority, privateKey: signingKey }: Signer,
  request: CertificateRequest
): Promise<ServerCertificate> => {
  const keys = await generateKeys(request.rsaBits)
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
      new x509.KeyUsagesExtension(x509.KeyUsageFlags[request.keyUsage ?? "digitalSignature"], true),
      ...usageOf(request.usage ?? "server"),
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

const authority = async (request: AuthorityRequest, parent?: Signer): Promise<CertificateAuthority> => {
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
      ...usageOf(request.usage ?? "none"),
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
  const issueFor = (request: CertificateRequest = {}) => Effect.promise(() => issue(signer, request))
  return {
    cert: pemOf(certificate),
    issue: issueFor,
    intermediate: (request = {}) => Effect.promise(() => authority(request, signer)),
    issueExpired: issueFor({
      notBefore: new Date(Date.now() - 2 * day),
      notAfter: new Date(Date.now() - day)
    }),
    issueForOtherHost: issueFor({ names: ["other.invalid", "192.0.2.1"] })
  }
}

/** A new authority, in memory. */
export const makeAuthorityOf = (request: AuthorityRequest): Effect.Effect<CertificateAuthority> =>
  Effect.promise(() => authority(request))

/** A new authority with the defaults. */
export const makeAuthority: Effect.Effect<CertificateAuthority> = makeAuthorityOf({})
