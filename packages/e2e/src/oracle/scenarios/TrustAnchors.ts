import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import { Effect } from "effect"
import { scenario, type Scenario } from "../harness/Scenario.ts"

const broken = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n"
const unreadable = "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"

/** Scenarios with different server certificates, and with different values of `ca` in the ModuleSource. */
export const trustAnchors = Effect.gen(function* () {
  const authority = yield* Certificates.makeAuthority
  const foreign = yield* Certificates.makeAuthority
  const [ours, theirs] = [authority, foreign].map(({ cert }) => `${cert}\n`) as [string, string]
  const [good, expired, forOther] = yield* Effect.all([
    authority.issue(),
    authority.issueExpired,
    authority.issueForOtherHost
  ])
  const trusting = (name: string, ca: string | undefined, tls = good): Scenario =>
    scenario(`ca: ${name}`, { registryOptions: { tls }, trustedCa: () => ca })
  return [
    trusting("the authority", ours),
    trusting("none", undefined),
    trusting("another authority", theirs),
    trusting("another authority before the right one", theirs + ours),
    trusting("no line break between two", theirs.trim() + ours),
    trusting("the server's own certificate", good.cert),
    trusting("a broken block before it", broken + ours),
    trusting("a broken block after it", ours + broken),
    trusting("an unreadable block before it", unreadable + ours),
    trusting("an unreadable block after it", ours + unreadable),
    trusting("text around it", `Subject: CN = ours\n\n${ours}\nissued by us\n`),
    trusting("line breaks of Windows", ours.replaceAll("\n", "\r\n")),
    trusting("blanks before its lines", ours.replace(/^/gm, "  ")),
    trusting("the right one twice", ours + ours),
    trusting("no certificate at all", "nothing"),
    trusting("a private key beside it", ours + good.key),
    trusting("an expired server", ours, expired),
    trusting("a server of another name", ours, forOther)
  ]
})
