import * as Certificates from "@registry-packages-proxy/testkit/Certificates"
import { Effect } from "effect"
import { situation, type Situation } from "../Situation.ts"

const broken = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n"
const unreadable = "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"

/** Certificates, and what a ModuleSource's `ca` holds. */
export const trustAnchors = Effect.gen(function* () {
  const authority = yield* Certificates.makeAuthority
  const foreign = yield* Certificates.makeAuthority
  const [good, expired, forOther] = yield* Effect.all([
    authority.issue(),
    authority.issueExpired,
    authority.issueForOther
  ])
  const trusting = (name: string, ca: string | undefined, tls = good): Situation =>
    situation(`ca: ${name}`, { options: { tls }, ca: () => ca })
  return [
    trusting("the authority", authority.cert),
    trusting("none", undefined),
    trusting("another authority", foreign.cert),
    trusting("another authority before the right one", foreign.cert + authority.cert),
    trusting("the server's own certificate", good.cert),
    trusting("a broken block before it", broken + authority.cert),
    trusting("a broken block after it", authority.cert + broken),
    trusting("an unreadable block before it", unreadable + authority.cert),
    trusting("an unreadable block after it", authority.cert + unreadable),
    trusting("text around it", `Subject: CN = ours\n\n${authority.cert}\nissued by us\n`),
    trusting("line breaks of Windows", authority.cert.replaceAll("\n", "\r\n")),
    trusting("blanks before its lines", authority.cert.replace(/^/gm, "  ")),
    trusting("the right one twice", authority.cert + authority.cert),
    trusting("no certificate at all", "nothing"),
    trusting("a private key beside it", authority.cert + good.key),
    trusting("an expired server", authority.cert, expired),
    trusting("a server of another name", authority.cert, forOther)
  ]
})
