import * as Certificates from "@registry-packages-proxy/testkit/machine/Certificates"
import * as ForwardProxy from "@registry-packages-proxy/testkit/wire/ForwardProxy"
import { TestRegistry } from "@registry-packages-proxy/testkit/registry/TestRegistry"
import type { Platform } from "@registry-packages-proxy/oci/Platform"
import { Effect } from "effect"
import type { EnvironmentVariables } from "../harness/Oracle.ts"
import { defaultContent, type PullFixture, type Scenario } from "../harness/Scenario.ts"

// A host name that DNS does not resolve, so that direct requests fail.
const name = "registry.example.test"
const credentials = { username: "forward", password: "proxy p%ssword" }

interface ProxyOptions {
  readonly secure?: boolean
  readonly requiresCredentials?: boolean
}

/**
 * Returns a scenario in which the client can reach the registry only through a forward proxy. `variables` receives the
 * proxy's `host:port` and returns the client's environment variables.
 */
const reached = (
  about: string,
  tls: Certificates.IssuedCertificate,
  variables: (at: string) => EnvironmentVariables,
  { secure = false, requiresCredentials = false }: ProxyOptions = {}
): Scenario => ({
  name: `proxy: ${about}`,
  platform: "linux/amd64" as Platform,
  fixture: Effect.gen(function* () {
    const registry = yield* TestRegistry.make(secure ? { tls } : {})
    const image = yield* registry.putPackage("modules", defaultContent)
    const proxy = yield* ForwardProxy.make({
      target: registry.host,
      ...(requiresCredentials ? { credentials } : {})
    })
    const fixture: PullFixture = {
      repo: `${name}/modules`,
      scheme: secure ? "https" : "http",
      digest: image.digest,
      content: defaultContent,
      clientEnvironment: variables(proxy.host),
      requestCount: Effect.map(registry.requests, (requests) => requests.length),
      ...(secure ? { trustedCa: tls.ca } : {})
    }
    return fixture
  })
})

/** Scenarios with different proxy environment variables, such as HTTP_PROXY and NO_PROXY. */
export const proxies = Effect.gen(function* () {
  const authority = yield* Certificates.makeAuthority
  const tls = yield* authority.issue({ subjectAltNames: [name] })
  const plain = (about: string, variables: (at: string) => EnvironmentVariables, options?: ProxyOptions) =>
    reached(about, tls, variables, options)
  const secure = (about: string, variables: (at: string) => EnvironmentVariables, options?: ProxyOptions) =>
    reached(about, tls, variables, { ...options, secure: true })
  const encoded = `${credentials.username}:${encodeURIComponent(credentials.password)}`
  const without = (about: string, value: string) =>
    plain(`NO_PROXY is ${about}`, (at) => ({ HTTP_PROXY: `http://${at}`, NO_PROXY: value }))
  return [
    plain("HTTP_PROXY", (at) => ({ HTTP_PROXY: `http://${at}` })),
    plain("http_proxy", (at) => ({ http_proxy: `http://${at}` })),
    plain("both http_proxy and HTTP_PROXY, the first one good", (at) => ({
      http_proxy: `http://${at}`,
      HTTP_PROXY: "http://127.0.0.1:1"
    })),
    plain("both http_proxy and HTTP_PROXY, the second one good", (at) => ({
      http_proxy: "http://127.0.0.1:1",
      HTTP_PROXY: `http://${at}`
    })),
    plain("HTTPS_PROXY is not for http", (at) => ({ HTTPS_PROXY: `http://${at}` })),
    plain("ALL_PROXY", (at) => ({ ALL_PROXY: `http://${at}` })),
    plain("no scheme", (at) => ({ HTTP_PROXY: at })),
    plain("scheme in capitals", (at) => ({ HTTP_PROXY: `HTTP://${at}` })),
    plain("a slash after it", (at) => ({ HTTP_PROXY: `http://${at}/` })),
    plain("a path after it", (at) => ({ HTTP_PROXY: `http://${at}/path?query` })),
    plain("a login", (at) => ({ HTTP_PROXY: `http://${encoded}@${at}` }), { requiresCredentials: true }),
    plain("a wrong login", (at) => ({ HTTP_PROXY: `http://a:b@${at}` }), { requiresCredentials: true }),
    plain("nobody listens there", () => ({ HTTP_PROXY: "http://127.0.0.1:1" })),
    secure("HTTPS_PROXY", (at) => ({ HTTPS_PROXY: `http://${at}` })),
    secure("https_proxy", (at) => ({ https_proxy: `http://${at}` })),
    secure("HTTP_PROXY is not for https", (at) => ({ HTTP_PROXY: `http://${at}` })),
    secure("HTTPS_PROXY without a scheme", (at) => ({ HTTPS_PROXY: at })),
    secure("a login in HTTPS_PROXY", (at) => ({ HTTPS_PROXY: `http://${encoded}@${at}` }), {
      requiresCredentials: true
    }),
    secure("a wrong login in HTTPS_PROXY", (at) => ({ HTTPS_PROXY: `http://a:b@${at}` }), {
      requiresCredentials: true
    }),
    without("the name", name),
    without("a domain above it", "example.test"),
    without("a domain above it, with a dot", ".example.test"),
    without("a domain above it, with a glob", "*.example.test"),
    without("the end of a label", "ample.test"),
    without("the name in capitals", name.toUpperCase()),
    without("the name with the port", `${name}:80`),
    without("the name with another port", `${name}:81`),
    without("everything", "*"),
    without("one of several, with blanks", `cluster.local, ${name} ,10.0.0.0/8`),
    without("subnets", "10.0.0.0/8,192.168.0.0/16,fd00::/8")
  ]
})
