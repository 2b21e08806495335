import { Option, Result } from "effect"
import type { CertificateRefusal } from "./AccessError.ts"
import type { User } from "./User.ts"

/** A client certificate that a trusted authority signed. Its validity period is checked for each request. */
export interface ClientCertificate {
  readonly user: User
  /** Milliseconds since the epoch. */
  readonly notBefore: number
  /** Milliseconds since the epoch. */
  readonly notAfter: number
}

/** The client certificate of a connection, or the reason why it was refused. */
export type CertificateResult = Result.Result<ClientCertificate, CertificateRefusal>

/**
 * Returns the reason why the certificate is refused at the time `now` (milliseconds since the epoch). None if the
 * certificate is accepted.
 */
export const refusalAt = (result: CertificateResult, now: number): Option.Option<CertificateRefusal> => {
  if (Result.isFailure(result)) return Option.some(result.failure)
  const { notAfter, notBefore } = result.success
  if (now < notBefore) return Option.some("not-yet-valid")
  return now > notAfter ? Option.some("expired") : Option.none()
}

/**
 * Returns the user of the certificate if it is valid at the time `now` (milliseconds since the epoch). None if it is
 * not valid, or if there is no certificate.
 */
export const userAt = (result: Option.Option<CertificateResult>, now: number): Option.Option<User> =>
  Option.flatMap(result, (result) =>
    Result.isSuccess(result) && Option.isNone(refusalAt(result, now))
      ? Option.some(result.success.user)
      : Option.none()
  )
