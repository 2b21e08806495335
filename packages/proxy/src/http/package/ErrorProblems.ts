import type { BodyError } from "@registry-packages-proxy/digest-cache/BodyError"
import type { CredentialError } from "@registry-packages-proxy/credential-store/CredentialError"
import { messageTexts } from "@registry-packages-proxy/credential-store/kinds/Kinds"
import { shortDigest } from "@registry-packages-proxy/oci/Digest"
import type { ManifestError } from "@registry-packages-proxy/oci/ManifestError"
import type { OtherServer, RegistryError } from "@registry-packages-proxy/registry-client/RegistryError"
import { Option } from "effect"
import { shorten } from "../../text/SafeText.ts"
import { errorType } from "../../telemetry/ErrorType.ts"
import type { InvalidRepositoryName, PullError } from "./PackagePull.ts"
import { badRequest, type Problem } from "../request/Problem.ts"

const retryAfter = (seconds: number) => ({ "retry-after": String(Math.max(1, Math.ceil(seconds))) })

// Names from registries, objects and clients may be long, so the advice comes before them.

/** The value of Retry-After in seconds, unless the failure determines another value. */
const defaultRetryAfter = 5

const badGateway = (detail: string): Problem => ({ status: 502, detail })

const manifestProblem = (registry: string, { reason }: ManifestError): Problem => {
  switch (reason._tag) {
    case "PlatformNotFound":
      return {
        status: 404,
        detail:
          `Ask for another digest, or set --platform: the image at ${registry} has nothing for ${reason.platform}` +
          (reason.available.length === 0 ? "." : `; it has ${shorten(reason.available.join(", "), 300)}.`)
      }
    case "MalformedManifest":
      return badGateway(`Push the image again: ${registry} returned an invalid manifest: ${reason.detail}.`)
    case "SchemaVersion1":
      return badGateway(
        `Push the image as OCI: the manifest at ${registry} is Docker schema 1, which is not supported.`
      )
    case "UnsupportedMediaType":
      return badGateway(
        `Push the image as OCI: the manifest at ${registry} has a media type that is not supported: ${shorten(reason.mediaType, 100)}.`
      )
    case "NoLayers":
      return badGateway(
        `Check the digest: the image at ${registry} has no layers, so it contains no package.`
      )
    case "ForeignLayer":
      return badGateway(
        `Push the image with a last layer that the registry stores: ${registry} does not store it (${shorten(reason.mediaType, 100)}).`
      )
    case "IndexTooDeep":
      return badGateway(
        `Ask for the digest of the image itself: ${registry} has more than ${reason.max} nested indexes there.`
      )
    case "IndexLoop":
      return badGateway(`Push the image again: an index at ${registry} contains itself.`)
  }
}

const connectionAdvice = {
  refused: ["Check that the registry runs and its address", "Check that it runs"],
  reset: ["Ask again later", "Ask again later"],
  dns: ["Check the registry's name and this node's DNS", "Check its name and this node's DNS"],
  certificate: [
    "Check the registry's certificate and its `ca`",
    "Check its certificate; the registry's `ca` is trusted there too"
  ],
  proxy: [
    "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY, and the proxy they name",
    "Check the way to it: HTTP_PROXY, HTTPS_PROXY, NO_PROXY and the proxy they name"
  ],
  other: [
    "Check the network between this node and the registry",
    "Check the network between this node and it"
  ]
} as const

const serverWord = {
  redirect: "the server the registry redirects to",
  token: "the registry's token service",
  "token redirect": "the server its token service redirects to"
} as const

const adviceFor = (kind: keyof typeof connectionAdvice, otherServer: OtherServer | undefined): string => {
  const [ofRegistry, ofOther] = connectionAdvice[kind]
  return otherServer === undefined ? ofRegistry : `${ofOther} (${serverWord[otherServer.role]})`
}

/**
 * Returns advice for a failed registry request. The problem's `detail` begins with this advice, since clients show only
 * the first bytes of `detail`.
 */
const registryAdvice = (reason: Exclude<RegistryError["reason"], ManifestError>): string => {
  switch (reason._tag) {
    case "ManifestNotFound":
      return "Check digest, repository and path"
    case "BlobNotFound":
      return "Push the image again"
    case "Refused":
      return reason.status === 403
        ? `Check the ${messageTexts.allKinds}, and what its account may pull`
        : `Check the ${messageTexts.allKinds}`
    case "AnonymousRefused":
      return reason.hasOnlyIdentityToken
        ? `Put a user name and a password into the ${messageTexts.allKinds}`
        : `Add a login to the ${messageTexts.allKinds}`
    case "AddressRefused":
      return "Check the registry's clock and its storage settings, and proxies on the way"
    case "LoginElsewhere":
      return `Create a ${messageTexts.repositoryKinds} for the server it redirects to, or allow that server to serve packages without a login`
    case "TokenRefused":
      switch (reason.login) {
        case "password":
          return `Check the ${messageTexts.allKinds}`
        case "identity token":
          return `Renew the identity token in the ${messageTexts.allKinds}, or put a user name and a password there`
        case "none":
          return `Add a login to the ${messageTexts.allKinds}`
        case "withheld":
          return "Configure the token service not to redirect: credentials are not sent to redirect targets"
      }
    case "Unavailable":
      return "Ask again later"
    case "UnexpectedStatus":
      return reason.otherServer === undefined
        ? "Look at the registry's own log"
        : `Look at the log of ${serverWord[reason.otherServer.role]}`
    case "ConnectionFailed":
      return adviceFor(reason.kind, reason.otherServer)
    case "TimedOut":
      switch (reason.phase) {
        case "connect":
          return `Check the network between this node and ${reason.otherServer === undefined ? "the registry" : serverWord[reason.otherServer.role]}`
        case "proxy":
          return adviceFor("proxy", reason.otherServer)
        default:
          return "Ask again later"
      }
    case "BadRedirect":
      return "Check where the registry redirects to"
    case "InvalidResponse":
      return `Check ${reason.otherServer === undefined ? "the registry" : serverWord[reason.otherServer.role]} and proxies in front of it`
  }
}

const registryStatus = (reason: Exclude<RegistryError["reason"], ManifestError>): number => {
  switch (reason._tag) {
    case "ManifestNotFound":
      return 404
    case "Unavailable":
      return 503
    case "TimedOut":
      return 504
    default:
      return 502
  }
}

const registryProblem = (error: RegistryError): Problem => {
  const { reason, registry } = error
  if (reason._tag === "ManifestError") return manifestProblem(registry, reason)
  const problem = { status: registryStatus(reason), detail: `${registryAdvice(reason)}: ${error.message}.` }
  return reason._tag === "Unavailable"
    ? { ...problem, headers: retryAfter(Option.getOrElse(reason.retryAfter, () => defaultRetryAfter)) }
    : problem
}

const credentialProblem = ({ reason }: CredentialError): Problem => {
  switch (reason._tag) {
    case "NotSynced":
      return {
        status: 503,
        detail: `Ask again soon: registry credentials are not read yet (waiting for: ${reason.waitingFor.join(", ")}).`,
        headers: retryAfter(defaultRetryAfter)
      }
    case "UnknownRepository": {
      const [advice, what] = Option.match(reason.repository, {
        onNone: () =>
          [
            `Create the ${messageTexts.clusterRegistrySecret}, or give \`repository\``,
            "cluster's own registry"
          ] as const,
        onSome: (repository) =>
          [
            `Correct \`repository\`, or create a ${messageTexts.repositoryKinds} for it`,
            `repository ${shorten(repository, 100)} (no ${messageTexts.repositoryKinds} names it)`
          ] as const
      })
      return reason.upToDate
        ? { status: 404, detail: `${advice}: there are no credentials for the ${what}.` }
        : {
            status: 503,
            detail: `Ask again soon: there are no credentials for the ${what}, and a source of credentials is unavailable now.`,
            headers: retryAfter(defaultRetryAfter)
          }
    }
    case "Unreadable":
      return badGateway(
        `Correct the object: the credentials in ${reason.sourceObject} cannot be read: ${reason.detail}.`
      )
  }
}

const bodyProblem = ({ reason }: BodyError): Problem => {
  switch (reason._tag) {
    case "DigestMismatch":
      return badGateway(
        `Push the image again if this persists: the registry's bytes do not match the layer's digest ${shortDigest(reason.expected)}: ` +
          (reason.actualSize === reason.expectedSize
            ? "they differ."
            : `${reason.actualSize} instead of ${reason.expectedSize} bytes.`)
      )
    case "DiskFailed":
      return {
        status: 503,
        detail: "Ask again: the cached package could not be read from this proxy's disk.",
        headers: retryAfter(1)
      }
    case "Stopped":
      return {
        status: 503,
        detail: "This proxy is shutting down. Ask another master node.",
        headers: retryAfter(defaultRetryAfter)
      }
  }
}

const nameProblem = (_: InvalidRepositoryName): Problem =>
  badRequest(
    "Correct `path`: repository and path together are not a valid repository name of 1 to 255 characters."
  )

/** Converts any failure of a package request to the problem with which the proxy responds. */
export const fromPullError = (error: PullError | BodyError): Problem => ({
  ...problemOf(error),
  error: errorType(error)
})

const problemOf = (error: PullError | BodyError): Problem => {
  switch (error._tag) {
    case "RegistryError":
      return registryProblem(error)
    case "CredentialError":
      return credentialProblem(error)
    case "BodyError":
      return bodyProblem(error)
    case "InvalidRepositoryName":
      return nameProblem(error)
  }
}
