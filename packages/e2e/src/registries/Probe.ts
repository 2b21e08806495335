import type * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { Effect, FileSystem, Path, Schedule } from "effect"
import * as Command from "../run/Command.ts"

/** Sends an anonymous GET request with curl, and returns the status of the response. Fails if there is no response. */
export const anonymousStatus = Effect.fnUntraced(function* (host: string, ca: string, target: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "registry-packages-proxy-probe-" })
  const file = path.join(directory, "ca.crt")
  yield* fs.writeFileString(file, ca)
  const status = yield* Command.run("curl", [
    "-sS",
    "--cacert",
    file,
    "--output",
    "/dev/null",
    "--write-out",
    "%{http_code}",
    `https://${host}${target}`
  ])
  return Number(status)
}, Effect.scoped)

/**
 * Waits until a registry responds to GET /v2/ with any status, and returns this status. Fails after 300 retries, one
 * every 50 ms.
 */
export const awaitResponse = (host: string, authority: Certificates.CertificateAuthority) =>
  anonymousStatus(host, authority.cert, "/v2/").pipe(
    Effect.retry({ times: 300, schedule: Schedule.spaced(50) })
  )
