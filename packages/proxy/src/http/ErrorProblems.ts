import type { BodyError } from "@registry-packages-proxy/digest-cache/BodyError"
import type { CredentialError } from "@registry-packages-proxy/credential-store/CredentialError"
import { short } from "@registry-packages-proxy/oci/Digest"
import type { ManifestError } from "@registry-packages-proxy/oci/ManifestError"
import type { RegistryError } from "@registry-packages-proxy/registry-client/RegistryError"
import { Option } from "effect"
import type { InvalidRepositoryName, PullError } from "./PackagePull.ts"
import { badRequest, type Problem } from "./Problem.ts"

const retryAfter = (seconds: number) => ({ "retry-after": String(Math.max(1, Math.ceil(seconds))) })

/** What a client is told to wait where nobody said how long, in seconds. */
const usualWait = 5

const badGateway = (detail: string): Problem => ({ status: 502, detail })

const manifestProblem = (registry: string, { reason }: ManifestError): Problem => {
  switch (reason._tag) {
    case "PlatformNotFound":
      return {
        status: 404,
        detail:
          `The image at ${registry} has nothing for ${reason.platform}` +
          (reason.available.length === 0 ? "." : `; it has ${reason.available.join(", ")}.`) +
          " Ask for another digest, or set --platform."
      }
    case "MalformedManifest":
      return badGateway(
        `${registry} gave a manifest that cannot be read: ${reason.detail}. Push the image again.`
      )
    case "SchemaVersion1":
      return badGateway(
        `The manifest at ${registry} is Docker schema 1, which is not supported. Push it as OCI.`
      )
    case "UnsupportedMediaType":
      return badGateway(
        `The manifest at ${registry} has a media type that is not supported: ${reason.mediaType}.`
      )
    case "NoLayers":
      return badGateway(
        `The image at ${registry} has no layers, so there is no package in it. Check the digest.`
      )
    case "ForeignLayer":
      return badGateway(
        `The image's last layer is not held by ${registry} (${reason.mediaType}). Push it as a layer.`
      )
    case "NestedIndex":
      return badGateway(
        `The index at ${registry} names another index for the platform, which is not supported.`
      )
  }
}

const timeouts = {
  connect: "could not be connected to in 5 seconds. Check the network between this node and it",
  headers: "did not begin its answer in 30 seconds. Ask again later",
  body: "was silent for 30 seconds in the middle of its answer. Ask again later",
  attempts: "gave no answer in 45 seconds of attempts. Ask again later"
} as const

const registryProblem = ({ reason, registry }: RegistryError): Problem => {
  switch (reason._tag) {
    case "ManifestNotFound":
      return {
        status: 404,
        detail: `${registry} has no such manifest or repository. Check digest, repository and path.`
      }
    case "BlobNotFound":
      return badGateway(`${registry} has the manifest but not the layer it names. Push the image again.`)
    case "Refused":
      return badGateway(
        `${registry} refused our credentials (${reason.status}). Check the ModuleSource or Secret.`
      )
    case "Unavailable":
      return {
        status: 503,
        detail: `${registry} takes no requests now (${reason.status}). Ask again later.`,
        headers: retryAfter(Option.getOrElse(reason.retryAfter, () => usualWait))
      }
    case "UnexpectedStatus":
      return badGateway(`${registry} answered ${reason.status}. Look at the registry's own log.`)
    case "ConnectionFailed":
      return badGateway(`Pulling from ${registry} failed: ${reason.detail}.`)
    case "TimedOut":
      return { status: 504, detail: `${registry} ${timeouts[reason.phase]}.` }
    case "BadRedirect":
      return badGateway(`A redirect from ${registry} cannot be followed: ${reason.detail}.`)
    case "InvalidResponse":
      return badGateway(`${registry} gave an answer that cannot be used: ${reason.detail}.`)
    case "ManifestError":
      return manifestProblem(registry, reason)
  }
}

const credentialProblem = ({ reason }: CredentialError): Problem => {
  switch (reason._tag) {
    case "NotSynced":
      return {
        status: 503,
        detail: `Registry credentials are not known yet (waiting for: ${reason.waitingFor.join(", ")}). Ask again soon.`,
        headers: retryAfter(usualWait)
      }
    case "UnknownRepository": {
      const what = Option.match(reason.repository, {
        onNone: () => "the cluster's own registry (Secret d8-system/deckhouse-registry)",
        onSome: (repository) => `the repository ${repository.slice(0, 100)} (no ModuleSource names it)`
      })
      return reason.upToDate
        ? { status: 404, detail: `There are no credentials for ${what}.` }
        : {
            status: 503,
            detail: `There are no credentials for ${what}, and changes are not being followed now. Ask again soon.`,
            headers: retryAfter(usualWait)
          }
    }
    case "Unreadable":
      return badGateway(
        `The credentials in ${reason.origin} cannot be read: ${reason.detail}. Mend that object.`
      )
  }
}

const bodyProblem = ({ reason }: BodyError): Problem => {
  switch (reason._tag) {
    case "DigestMismatch":
      return badGateway(
        `The registry's bytes do not match the layer's digest ${short(reason.expected)}: ` +
          (reason.actualSize === reason.expectedSize
            ? "they differ."
            : `${reason.actualSize} instead of ${reason.expectedSize} bytes.`)
      )
    case "DiskFailed":
      return { status: 500, detail: "The cached package could not be read back. Ask again." }
    case "Stopped":
      return {
        status: 503,
        detail: "This proxy is shutting down. Ask another master node.",
        headers: retryAfter(usualWait)
      }
  }
}

const nameProblem = (_: InvalidRepositoryName): Problem =>
  badRequest("Repository and path together give no valid repository name, which has 1 to 255 characters.")

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
