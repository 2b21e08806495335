import { Option, Result } from "effect"
import type { CertificateRefusal } from "./AccessError.ts"
import type { User } from "./User.ts"

/** A client certificate that a connection proved, and that an authority we trust signed; times as in `Date`. */
export interface ClientCertificate {
  readonly user: User
  readonly notBefore: number
  readonly notAfter: number
}

/** A client certificate that a connection showed, or why it does not count. */
export type Shown = Result.Result<ClientCertificate, CertificateRefusal>

/** Why a certificate does not count at this time, if it does not. */
export const refusalAt = (shown: Shown, now: number): Option.Option<CertificateRefusal> => {
  if (Result.isFailure(shown)) return Option.some(shown.failure)
  const { notAfter, notBefore } = shown.success
  if (now < notBefore) return Option.some("not-yet-valid")
  return now > notAfter ? Option.some("expired") : Option.none()
}

/** The user of a certificate that counts at this time. */
export const userAt = (shown: Option.Option<Shown>, now: number): Option.Option<User> =>
  Option.flatMap(shown, (shown) =>
    Result.isSuccess(shown) && Option.isNone(refusalAt(shown, now))
      ? Option.some(shown.success.user)
      : Option.none()
  )
