import * as ServedResponse from "@registry-packages-proxy/testkit/registry/ServedResponse"
import * as RegistryImage from "@registry-packages-proxy/testkit/images/RegistryImage"
import { TestRegistry } from "@registry-packages-proxy/testkit/registry/TestRegistry"
import { utf8AsLatin1 } from "@registry-packages-proxy/testkit/wire/Latin1"
import { Effect } from "effect"
import {
  defaultCredentials,
  defaultContent,
  scenario,
  type ScenarioOptions,
  type Scenario
} from "../harness/Scenario.ts"

const isBlob = (path: string): boolean => path.includes("/blobs/")
const blob = ServedResponse.make(200, {}, { size: defaultContent.length, chunks: () => [defaultContent] })

/**
 * Returns a scenario in which the registry redirects blob requests to `location`. The client gets the blob if it then
 * requests one of the targets in `wanted`.
 */
const redirectedTo = (name: string, location: string, wanted: ReadonlyArray<string> = [location]): Scenario =>
  scenario(`redirect: ${name}`, {
    prepareRegistry: (registry) =>
      registry.setOverride((request, byRules) => {
        if (wanted.includes(request.target)) return blob
        if (isBlob(request.path)) return ServedResponse.make(307, { location: utf8AsLatin1(location) })
        return request.path.startsWith("/raw") ? ServedResponse.error(403) : byRules()
      })
  })

const stored = (status: number): Scenario =>
  scenario(`redirect: ${status} to a store`, { registryOptions: { redirect: { _tag: "Store", status } } })

/**
 * Returns a scenario in which the registry redirects blob requests to a second registry. `other` contains the options
 * of the second registry.
 */
const elsewhere = (
  name: string,
  other: Parameters<typeof TestRegistry.make>[0],
  about: ScenarioOptions = {}
): Scenario =>
  scenario(`redirect: ${name}`, {
    ...about,
    prepareRegistry: (registry) =>
      Effect.gen(function* () {
        const second = yield* TestRegistry.make(other)
        yield* second.put("held/here", RegistryImage.ofPackage(defaultContent))
        const { layer } = RegistryImage.ofPackage(defaultContent)
        yield* registry.setRedirect({
          _tag: "To",
          location: `${second.origin}/v2/held/here/blobs/${layer?.digest}`
        })
        return [second]
      })
  })

const inARow = (count: number): Scenario =>
  scenario(`redirect: ${count} in a row`, {
    prepareRegistry: (registry) =>
      registry.setOverride((request, byRules) => {
        const turn = Number(/^\/raw(\d+)$/.exec(request.path)?.[1] ?? 0)
        if (!isBlob(request.path) && !request.path.startsWith("/raw")) return byRules()
        return turn === count ? blob : ServedResponse.make(307, { location: `/raw${turn + 1}` })
      })
  })

/** Scenarios in which the registry redirects requests, mostly blob requests. */
export const redirects: ReadonlyArray<Scenario> = [
  ...[301, 302, 303, 307, 308].map(stored),
  scenario("redirect: 300", { registryOptions: { redirect: { _tag: "Store", status: 300 } } }),
  scenario("redirect: to a store, after Basic", {
    registryOptions: { redirect: { _tag: "Store" }, auth: { _tag: "Basic", ...defaultCredentials } }
  }),
  scenario("redirect: to a store, after Bearer", {
    registryOptions: { redirect: { _tag: "Store" }, auth: { _tag: "Bearer", ...defaultCredentials } }
  }),
  scenario("redirect: in a circle", {
    prepareRegistry: (registry) => {
      let rounds = 0
      return registry.setOverride((request, byRules) => {
        if (!isBlob(request.path)) return byRules()
        return ++rounds > 50
          ? ServedResponse.error(404)
          : ServedResponse.make(307, { location: request.path })
      })
    }
  }),
  scenario("redirect: without Location", {
    registryOptions: { redirect: { _tag: "To", location: undefined } }
  }),
  scenario("redirect: to an ftp address", {
    registryOptions: { redirect: { _tag: "To", location: "ftp://127.0.0.1/x" } }
  }),
  scenario("redirect: to where nobody listens", {
    registryOptions: { redirect: { _tag: "To", location: "http://127.0.0.1:1/x" } }
  }),
  elsewhere("from https to an http store", {}, { isHttps: true }),
  elsewhere("to a registry that gives tokens to everybody", {
    auth: { _tag: "Bearer", ...defaultCredentials, anonymous: true }
  }),
  elsewhere("to a registry that wants a password", { auth: { _tag: "Basic", ...defaultCredentials } }),
  ...[9, 10, 11].map(inARow),
  scenario("redirect: of the manifest", {
    prepareRegistry: (registry) =>
      registry.setOverride((request, byRules) =>
        request.path.includes("/manifests/") && !request.query.has("moved")
          ? ServedResponse.make(307, { location: `${request.path}?moved=1` })
          : byRules()
      )
  }),
  scenario("redirect: the store refuses its own signature", {
    registryOptions: { redirect: { _tag: "Store" } },
    prepareRegistry: (registry) =>
      registry.setOverride((request, byRules) =>
        request.listener === "store"
          ? ServedResponse.jsonText(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>")
          : byRules()
      )
  }),
  redirectedTo("a relative address", "/raw?a=1"),
  redirectedTo("an address relative to the path", "raw", ["/v2/group/modules/blobs/raw"]),
  redirectedTo("' in the query", "/raw?sig=a'b"),
  redirectedTo("escapes as they are", "/raw?a=%7e%2f%41+b"),
  redirectedTo("raw UTF-8", "/raw/фу", ["/raw/%D1%84%D1%83", utf8AsLatin1("/raw/фу")]),
  redirectedTo("| ^ [ ] { } in the query", "/raw?a=|b^[c]{d}"),
  redirectedTo("a blank in the query", "/raw?a=b c", ["/raw?a=b%20c", "/raw?a=b+c"]),
  redirectedTo("a fragment", "/raw?a=1#part", ["/raw?a=1"]),
  redirectedTo("an empty query", "/raw?"),
  redirectedTo("a broken escape in the query", "/raw?a=%zz")
]
