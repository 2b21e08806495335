import type { BodyError } from "@registry-packages-proxy/digest-cache/BodyError"
import type { CredentialError } from "@registry-packages-proxy/credential-store/CredentialError"
import { short } from "@registry-packages-proxy/oci/Digest"
import type { ManifestError } from "@registry-packages-proxy/oci/ManifestError"
import type { RegistryError } from "@registry-packages-proxy/registry-client/RegistryError"
import { Option } from "effect"
import { shorten } from "../SafeText.ts"
import type { InvalidRepositoryName, PullError } from "./PackagePull.ts"
import { badRequest, type Problem } from "./Problem.ts"

const retryAfter = (seconds: number) => ({ "retry-after": String(Math.max(1, Math.ceil(seconds))) })

// What a registry, an object or a client names may be long: where it is told, what to do stands before it.

/** What a client is told to wait where nobody said how long, in seconds. */
const usualWait = 5

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
      return badGateway(
        `Push the image again: ${registry} gave a manifest that cannot be read: ${reason.detail}.`
      )
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
        `Check the digest: the image at ${registry} has no layers, so there is no package in it.`
      )
    case "ForeignLayer":
      return badGateway(
        `Push the image's last layer as one the registry holds: ${registry} does not (${shorten(reason.mediaType, 100)}).`
      )
    case "NestedIndex":
      return badGateway(
        `Ask for the digest of an image: the index at ${registry} names another index for the platform, which is not supported.`
      )
  }
}

const timeouts = {
  connect: ["Check the network between this node and the registry", "could not be connected to in 5 seconds"],
  proxy: [
    "Check the proxy that HTTP_PROXY or HTTPS_PROXY names",
    "could not be connected to through it in 5 seconds"
  ],
  headers: ["Ask again later", "did not begin its answer in 30 seconds"],
  body: ["Ask again later", "was silent for 30 seconds in the middle of its answer"],
  attempts: ["Ask again later", "gave no answer in 45 seconds of attempts"]
} as const

const connectionAdvice = {
  refused: "Check that the registry runs and its address",
  reset: "Ask again later",
  dns: "Check the registry's name and this node's DNS",
  certificate: "Check the registry's certificate and the `ca` it is known by",
  proxy: "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY, and the proxy they name",
  other: "Check the network between this node and the registry"
} as const

const registryProblem = ({ reason, registry }: RegistryError): Problem => {
  switch (reason._tag) {
    case "ManifestNotFound":
      return {
        status: 404,
        detail: `Check digest, repository and path: ${registry} has no such manifest or repository.`
      }
    case "BlobNotFound":
      return badGateway(`Push the image again: ${registry} has the manifest but not the layer it names.`)
    case "Refused":
      return badGateway(
        `Check the ModuleSource or Secret: ${registry} refused our credentials (${reason.status}).`
      )
    case "Unavailable":
      return {
        status: 503,
        detail: `Ask again later: ${registry} takes no requests now (${reason.status}).`,
        headers: retryAfter(Option.getOrElse(reason.retryAfter, () => usualWait))
      }
    case "UnexpectedStatus":
      return badGateway(`Look at the registry's own log: ${registry} answered ${reason.status}.`)
    case "ConnectionFailed": {
      const own = `${registry}: `
      const why = reason.detail.startsWith(own) ? reason.detail.slice(own.length) : reason.detail
      return badGateway(`${connectionAdvice[reason.kind]}: pulling from ${registry} failed: ${why}.`)
    }
    case "TimedOut": {
      const [advice, what] = timeouts[reason.phase]
      return { status: 504, detail: `${advice}: ${registry} ${what}.` }
    }
    case "BadRedirect":
      return badGateway(
        `Check where the registry redirects to: a redirect from ${registry} cannot be followed: ${reason.detail}.`
      )
    case "InvalidResponse":
      return badGateway(
        `Check the registry, and what stands before it: ${registry} gave an answer that cannot be used: ${reason.detail}.`
      )
    case "ManifestError":
      return manifestProblem(registry, reason)
  }
}

const credentialProblem = ({ reason }: CredentialError): Problem => {
  switch (reason._tag) {
    case "NotSynced":
      return {
        status: 503,
        detail: `Ask again soon: registry credentials are not known yet (waiting for: ${reason.waitingFor.join(", ")}).`,
        headers: retryAfter(usualWait)
      }
    case "UnknownRepository": {
      const [advice, what] = Option.match(reason.repository, {
        onNone: () =>
          [
            "Make the Secret d8-system/deckhouse-registry, or give `repository`",
            "cluster's own registry"
          ] as const,
        onSome: (repository) =>
          [
            "Correct `repository`, or make a ModuleSource of it",
            `repository ${shorten(repository, 100)} (no ModuleSource names it)`
          ] as const
      })
      return reason.upToDate
        ? { status: 404, detail: `${advice}: there are no credentials for the ${what}.` }
        : {
            status: 503,
            detail: `Ask again soon: there are no credentials for the ${what}, and changes are not being followed now.`,
            headers: retryAfter(usualWait)
          }
    }
    case "Unreadable":
      return badGateway(
        `Mend the object: the credentials in ${reason.origin} cannot be read: ${reason.detail}.`
      )
  }
}

const bodyProblem = ({ reason }: BodyError): Problem => {
  switch (reason._tag) {
    case "DigestMismatch":
      return badGateway(
        `Push the image again if it stays so: the registry's bytes do not match the layer's digest ${short(reason.expected)}: ` +
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
        headers: retryAfter(usualWait)
      }
  }
}

const nameProblem = (_: InvalidRepositoryName): Problem =>
  badRequest(
    "Correct `path`: repository and path together give no valid repository name, which has 1 to 255 characters."
  )

/** Every failure a package request can have, as the client sees it. */
export const fromPullError = (error: PullError | BodyError): Problem => {
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
