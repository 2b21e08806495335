import type { CertificateRefusal } from "@registry-packages-proxy/access-control/AccessError"
import type { PeerCertificate } from "@registry-packages-proxy/access-control/PeerCertificate"
import { Clock, Effect } from "effect"
import type { Socket } from "node:net"
import { shorten } from "../../text/SafeText.ts"
import { clientAddress } from "../request/ClientAddress.ts"

/** The faults of client certificates, in words that follow "it". */
export const words: Readonly<Record<CertificateRefusal, string>> = {
  expired: "has expired",
  "not-yet-valid": "is not valid yet",
  "unknown-authority": "is signed by no authority of --client-ca-file",
  "wrong-usage": "is not for client authentication (its extended key usage)",
  "no-common-name": "names no user (its subject has no CN)",
  "several-common-names": "names several users (its subject has more than one CN)",
  unverifiable: "cannot be verified"
}

/** The most characters of a subject in the log. */
const maxSubject = 256

/** A line of each reason at most so often, in milliseconds. */
const minInterval = 60_000

/** Logs a refused certificate. */
export type Log = (socket: Socket, peer: PeerCertificate, reason: CertificateRefusal) => Effect.Effect<void>

/**
 * Logs refused client certificates: one line a connection, and of each reason one a minute, which tells how many others
 * there were since the one before. Strangers choose what certificates they show.
 */
export const makeLog = (): Log => {
  const seen = new WeakSet<Socket>()
  const last = new Map<CertificateRefusal, { readonly at: number; suppressed: number }>()
  return (socket, { subject, verification }, reason) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (seen.has(socket)) return Effect.void
      seen.add(socket)
      const before = last.get(reason)
      if (before !== undefined && now >= before.at && now - before.at < minInterval) {
        before.suppressed++
        return Effect.void
      }
      last.set(reason, { at: now, suppressed: 0 })
      return Effect.logWarning("client certificate refused", {
        subject: shorten(subject, maxSubject),
        reason,
        verification,
        clientAddress: clientAddress(socket),
        suppressed: before?.suppressed ?? 0
      })
    })
}
