import type { CertificateRefusal } from "@registry-packages-proxy/access-control/AccessError"
import type { PeerCertificate } from "@registry-packages-proxy/access-control/PeerCertificate"
import { Clock, Duration, Effect } from "effect"
import type { Socket } from "node:net"
import { shorten } from "../../text/SafeText.ts"
import { clientAddress } from "../request/ClientAddress.ts"

/**
 * A text for each reason to refuse a client certificate. It continues a sentence that begins with "the certificate".
 */
export const reasonTexts: Readonly<Record<CertificateRefusal, string>> = {
  expired: "has expired",
  "not-yet-valid": "is not valid yet",
  "unknown-authority": "is signed by no authority of --client-ca-file",
  "wrong-usage": "is not for client authentication (its extended key usage)",
  "no-common-name": "names no user (its subject has no CN)",
  "several-common-names": "names several users (its subject has more than one CN)",
  unverifiable: "cannot be verified"
}

/** Maximum length of a certificate's subject in the log, in characters. */
const maxSubject = 256

/** Minimum time between two log lines with the same reason, in milliseconds. */
const minIntervalMillis = Duration.toMillis("1 minute")

/** Logs a refused client certificate, unless the limits of `makeLog` suppress the line. */
export type LogRefusal = (
  socket: Socket,
  peer: PeerCertificate,
  reason: CertificateRefusal
) => Effect.Effect<void>

/**
 * Makes a log of refused client certificates. It writes at most one line per connection, and at most one line per
 * reason and minute. Each line tells how many lines with its reason were suppressed since the previous one. Without
 * these limits, any client could fill the log.
 */
export const makeLog = (): LogRefusal => {
  const seen = new WeakSet<Socket>()
  const last = new Map<CertificateRefusal, { readonly at: number; suppressed: number }>()
  return (socket, { subject, verificationError }, reason) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (seen.has(socket)) return Effect.void
      seen.add(socket)
      const previous = last.get(reason)
      if (previous !== undefined && now >= previous.at && now - previous.at < minIntervalMillis) {
        previous.suppressed++
        return Effect.void
      }
      last.set(reason, { at: now, suppressed: 0 })
      return Effect.logWarning("client certificate refused", {
        subject: shorten(subject, maxSubject),
        reason,
        verification: verificationError,
        clientAddress: clientAddress(socket),
        suppressed: previous?.suppressed ?? 0
      })
    })
}
