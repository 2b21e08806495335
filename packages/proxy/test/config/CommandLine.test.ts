import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Option } from "effect"
import * as fc from "fast-check"
import type { EnvironmentVariables } from "@registry-packages-proxy/node-net/EnvironmentVariables"
import { parse } from "../../src/config/CommandLine.ts"
import { defaults, type Settings } from "../../src/config/Settings.ts"

// Arbitrary UTF-16 code units, including lone surrogates.
const anyUnits = fc.uint16Array({ maxLength: 40 }).map((units) => String.fromCharCode(...units))

const credentials = ["--credentials-file", "credentials.yaml"]
const settings = (args: ReadonlyArray<string>, env: EnvironmentVariables = {}): Settings =>
  Effect.runSync(parse([...credentials, ...args], env))
const refusal = (args: ReadonlyArray<string>, env: EnvironmentVariables = {}) =>
  Effect.runSync(Effect.flip(parse(args, env)))
const message = (args: ReadonlyArray<string>, env: EnvironmentVariables = {}): string => {
  const error = refusal(args, env)
  return error._tag === "UsageError" ? error.message : error._tag
}

describe("CommandLine", () => {
  it("uses the default of each flag that is not given", () => {
    const given = settings([])
    assert.deepStrictEqual({ ...given, credentialsFiles: [] }, defaults)
    assert.strictEqual(Option.map(given.listenAddress, String).pipe(Option.getOrNull), "127.0.0.1:5080")
    assert.strictEqual(given.cacheDirectory, "/cache")
    assert.strictEqual(given.cacheRetentionSize, 1024 ** 3)
    assert.strictEqual(given.disableCache, false)
    assert.strictEqual(given.platform, "linux/amd64")
    assert.strictEqual(given.logLevel, "Info")
    assert.isTrue(Option.isNone(given.logFormat))
    assert.strictEqual(Duration.toSeconds(given.shutdownGracePeriod), 30)
  })

  it("accepts both forms of a flag: --flag value and --flag=value", () => {
    for (const args of [["--platform", "linux/arm64"], ["--platform=linux/arm64"]]) {
      assert.strictEqual(settings(args).platform, "linux/arm64")
    }
    for (const [written, platform] of [
      ["linux/amd64/v1", "linux/amd64"],
      ["Linux/x86_64/V3", "linux/amd64/v3"],
      ["linux/aarch64", "linux/arm64"],
      ["linux/arm64/v8.5", "linux/arm64/v8.5"]
    ] as const) {
      assert.strictEqual<string>(settings(["--platform", written]).platform, platform)
    }
    assert.strictEqual(settings(["--cache-directory=-odd"]).cacheDirectory, "-odd")
    assert.strictEqual(settings(["--cache-directory=a=b"]).cacheDirectory, "a=b")
    assert.isTrue(settings(["--disable-cache"]).disableCache)
    assert.isTrue(settings(["--disable-cache=true"]).disableCache)
    assert.isFalse(settings(["--disable-cache=False"]).disableCache)
    assert.strictEqual(settings(["--log-level", "WaRn"]).logLevel, "Warn")
  })

  it("uses a flag's variable unless the flag is given", () => {
    const env = {
      REGISTRY_PACKAGES_PROXY_CACHE_RETENTION_SIZE: "10Mi",
      REGISTRY_PACKAGES_PROXY_DISABLE_CACHE: "true",
      REGISTRY_PACKAGES_PROXY_LOG_FORMAT: "pretty"
    }
    assert.strictEqual(settings([], env).cacheRetentionSize, 10 * 1024 ** 2)
    assert.isTrue(settings([], env).disableCache)
    assert.deepStrictEqual(settings([], env).logFormat, Option.some("pretty"))
    assert.strictEqual(settings(["--cache-retention-size=1k"], env).cacheRetentionSize, 1000)
    assert.isFalse(settings(["--disable-cache=false"], env).disableCache)
    assert.strictEqual(
      settings(["--cache-retention-size=1"], { REGISTRY_PACKAGES_PROXY_CACHE_RETENTION_SIZE: "bad" })
        .cacheRetentionSize,
      1
    )
  })

  it("ignores empty variables, and variables that Kubernetes sets for a Service of our name", () => {
    const env = {
      REGISTRY_PACKAGES_PROXY_LISTEN_ADDRESS: "",
      REGISTRY_PACKAGES_PROXY_PORT: "tcp://10.0.0.1:4219",
      REGISTRY_PACKAGES_PROXY_SERVICE_HOST: "10.0.0.1"
    }
    assert.deepStrictEqual(settings([], env), settings([]))
  })

  it("collects the values of a repeatable flag without duplicates, or the values of its variable", () => {
    const files = (args: ReadonlyArray<string>, env: EnvironmentVariables = {}) =>
      Effect.runSync(parse(args, env)).credentialsFiles
    const env = { REGISTRY_PACKAGES_PROXY_CREDENTIALS_FILE: "a.yaml,b.yaml" }
    assert.deepStrictEqual<ReadonlyArray<string>>(files([], env), ["a.yaml", "b.yaml"])
    assert.deepStrictEqual<ReadonlyArray<string>>(
      files(["--credentials-file=x,y", "--credentials-file", "z", "--credentials-file", "z"], env),
      ["x,y", "z"]
    )
  })

  it("names the variable, not the flag, if the variable's value is not accepted", () => {
    assert.strictEqual(
      message(credentials, { REGISTRY_PACKAGES_PROXY_LOG_FORMAT: "xml" }),
      'REGISTRY_PACKAGES_PROXY_LOG_FORMAT: "xml" is not valid; accepted: json or pretty'
    )
    assert.include(
      message([], { REGISTRY_PACKAGES_PROXY_CREDENTIALS_FILE: "a,,b" }),
      "an empty value; accepted: the path"
    )
  })

  it("says which value is refused, why, and what is accepted", () => {
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
      [["--listen-address=5080"], '--listen-address: "5080" has no port; accepted: host:port, '],
      [
        ["--cache-retention-size", "1GB"],
        '--cache-retention-size: "1GB" has the unknown suffix "GB"; accepted: a Kubernetes quantity'
      ],
      [["--platform=Linux"], '--platform: "Linux" is not valid; accepted: os/architecture '],
      [["--log-level=loud"], '--log-level: "loud" is not a level; accepted: trace, debug, '],
      [["--disable-cache=maybe"], '--disable-cache: "maybe" is not valid; accepted: true or false'],
      [["--shutdown-grace-period=30"], '--shutdown-grace-period: "30" has no unit; accepted: a duration '],
      [["--cache-directory="], "--cache-directory: an empty value; accepted: the path of a directory"],
      [["--cache-directory"], "--cache-directory has no value; accepted: the path of a directory"],
      [
        ["--cache-directory", "--disable-cache"],
        "--cache-directory has no value; accepted: the path of a directory"
      ],
      [["--platform=linux/arm64", "--platform", "linux/amd64"], "--platform is given more than once"],
      [["--disable-cache", "--disable-cache"], "--disable-cache is given more than once"],
      [["now"], 'unexpected argument "now"; only flags are accepted'],
      [["--disable-cache", "true"], 'unexpected argument "true"; only flags are accepted'],
      [["--", "--help"], 'unexpected argument "--help"; only flags are accepted'],
      [["--listen-adress=:1"], 'unknown flag "--listen-adress"; did you mean --listen-address?'],
      [["-log-level=info"], 'unknown flag "-log-level"; did you mean --log-level?'],
      [["--retention-size", "1"], 'unknown flag "--retention-size"; did you mean --cache-retention-size?'],
      [["--password=secret"], 'unknown flag "--password"; --help lists all flags'],
      [["-x"], 'unknown flag "-x"; --help lists all flags'],
      [["--constructor"], 'unknown flag "--constructor"; --help lists all flags']
    ]
    for (const [args, expected] of cases)
      assert.include(message([...credentials, ...args]), expected, args.join(" "))
  })

  it("shortens a long value, and escapes characters that would break the line", () => {
    const text = message([...credentials, `--platform=a\nb\u001b[31m\u009b\u2028${"x".repeat(500)}`])
    assert.isBelow(text.length, 250)
    assert.match(text, /^--platform: "a\\nb\\u001b\[31m\\u009b\\u2028x+…" is not valid/)
  })

  it("requires an address to listen on, two different ones, and both files of a certificate", () => {
    assert.include(
      message(["--listen-address=off"]),
      '--listen-address: "off" leaves nothing to listen on; give an address here or to --secure-listen-address'
    )
    const withServer = ["--secure-listen-address=:4219", "--kubeconfig=k"]
    const only = Effect.runSync(parse([...withServer, "--listen-address=off"], {}))
    assert.isTrue(Option.isNone(only.listenAddress))
    for (const [given, missing] of [
      ["tls-cert-file", "tls-private-key-file"],
      ["tls-private-key-file", "tls-cert-file"]
    ]) {
      assert.strictEqual(
        message([...withServer, `--${given}=f`]),
        `--${given}: given without --${missing}; accepted: both or neither`
      )
    }
    assert.strictEqual(
      message([...withServer, "--listen-address=:4219"]),
      "--secure-listen-address: the same address as --listen-address; give one of them another port"
    )
    const free = ["--listen-address=:0", "--secure-listen-address=:0", "--kubeconfig=k"]
    assert.isTrue(Option.isSome(Effect.runSync(parse(free, {})).secureListenAddress))
    const files = [
      "--tls-cert-file=c",
      "--tls-private-key-file=k",
      "--client-ca-file=a",
      "--tls-min-version=1.3"
    ]
    assert.strictEqual(Effect.runSync(parse([...withServer, ...files], {})).tlsMinVersion, "1.3")
    const { clientCaFile } = Effect.runSync(parse([...withServer, "--client-ca-file=off"], {}))
    assert.isTrue(Option.isNone(clientCaFile))
    assert.include(message([...withServer, "--tls-min-version=1.1"]), "accepted: 1.2 or 1.3")
  })

  it("refuses a proxy that cannot be used, by its variable's name and without its value", () => {
    const accepted = "accepted: http://[USER:PASSWORD@]HOST[:PORT], https://..., or HOST[:PORT]"
    for (const [env, problem] of [
      [{ HTTP_PROXY: "socks5://s3cret@proxy.test" }, "HTTP_PROXY: its scheme is socks5"],
      [{ https_proxy: "http:/s3cret" }, "https_proxy: it has no host after its scheme"],
      [{ HTTPS_PROXY: "http://user:s3cret@:::" }, "HTTPS_PROXY: it is not the address of a proxy"],
      [{ http_proxy: "good.test", HTTPS_PROXY: "s3 cret" }, "HTTPS_PROXY: it is not the address of a proxy"]
    ] as const) {
      assert.strictEqual(message(credentials, env), `${problem}; ${accepted}`)
    }
  })

  it("accepts the proxies that Go programs accept, and any NO_PROXY", () => {
    for (const env of [
      { HTTP_PROXY: "proxy.test:3128", HTTPS_PROXY: "HTTPS://user:p%40ss@proxy.test/" },
      { HTTP_PROXY: "", https_proxy: " ", NO_PROXY: "10.0.0.0/99,[::,*.,:1" },
      { HTTP_PROXY: "proxy.test", REQUEST_METHOD: "GET" },
      { ALL_PROXY: "socks5://proxy.test" }
    ]) {
      settings([], env)
    }
  })

  it("handles --help and --version even if other arguments are wrong", () => {
    assert.strictEqual(message(["--platform=bad", "--help", "--nonsense"]), "HelpRequested")
    assert.strictEqual(message(["-h"]), "HelpRequested")
    assert.strictEqual(message(["--version"]), "VersionRequested")
  })

  it("gives settings or an error of one short line for any arguments", () => {
    const anyArgument = fc.oneof(
      anyUnits,
      fc.constantFrom(
        "--",
        "-",
        "--=",
        "--listen-address",
        "--disable-cache",
        "--log-level=",
        "--credentials-file"
      ),
      anyUnits.map((value) => `--cache-directory=${value}`)
    )
    fc.assert(
      fc.property(fc.array(anyArgument), (args) => {
        const result = Effect.runSync(Effect.result(parse(args, {})))
        if (result._tag === "Success" || result.failure._tag !== "UsageError") return true
        return /^[^\p{Cc}\u2028\u2029]{1,400}$/u.test(result.failure.message)
      })
    )
  })
})
