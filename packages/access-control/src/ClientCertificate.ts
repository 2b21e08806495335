import { Option, Result } from "effect"
import type { CertificateRefusal } from "./AccessError.ts"
import type { User } from "./User.ts"

/** A client certificate that a trusted authority signed. Whether it is valid now is checked for each request. */
export interface ClientCertificate {
  readonly user: User
  /** Milliseconds since the epoch. */
  readonly notBefore: number
  /** Milliseconds since the epoch. */
  readonly notAfter: number
}

/** The client certificate of a connection, or the reason why it was refused. */
export type CertificateResult = Result.Result<ClientCertificate, CertificateRefusal>

/** The reason why a certificate is refused at this time, if it is. */
export const refusalAt = (result: CertificateResult, now: number): Option.Option<CertificateRefusal> => {
  if (Result.isFailure(result)) return Option.some(result.failure)
  const { notAfter, notBefore } = result.success
  if (now < notBefore) return Option.some("not-yet-valid")
  return now > notAfter ? Option.some("expired") : Option.none()
}

/** The user of a certificate that is valid at this time. */
export const userAt = (result: Option.Option<CertificateResult>, now: number): Option.Option<User> =>
  Option.flatMap(result, (result) =>
    Result.isSuccess(result) && Option.isNone(refusalAt(result, now))
      ? Option.some(result.success.user)
      : Option.none()
  )
