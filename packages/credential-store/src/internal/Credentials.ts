import { anonymous, type Credential } from "@registry-packages-proxy/oci/Credential"
import * as DockerConfig from "@registry-packages-proxy/oci/DockerConfig"
import type { RegistryHost } from "@registry-packages-proxy/oci/RegistryHost"
import { Result } from "effect"
import { ObjectError } from "../ObjectError.ts"

/** A host's credential in a docker config.json's text; no text, or no entry for the host, means anonymous. */
export const fromDockerConfig = (
  json: string,
  host: RegistryHost,
  field: string
): Result.Result<Credential, ObjectError> => {
  if (json.trim() === "") return Result.succeed(anonymous)
  return Result.mapError(
    Result.flatMap(DockerConfig.parse(json), (config) => DockerConfig.credentialFor(config, host)),
    (error) => new ObjectError({ detail: `${field}: ${error.detail}` })
  )
}
