import { assert, describe, it } from "@effect/vitest"
import { captureLog } from "@registry-packages-proxy/testkit/machine/CapturedLog"
import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import {
  dockerConfig,
  kubernetesList,
  moduleSource,
  registrySecret
} from "@registry-packages-proxy/testkit/credential-store/CredentialStoreObjects"
import { Effect, FileSystem, Layer, Result } from "effect"
import { Base64 } from "effect/encoding"
import { PrometheusMetrics } from "effect/observability"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { inspect } from "node:util"
import { dump } from "js-yaml"
import { type FakeFile, make as makeFileSystem } from "../feeds/FakeFileSystem.ts"
import { get, status } from "../StoreQueries.ts"

const password = "pa55word-Zx9"
const token = "t0ken-Qw7eRt"
const host = "registry.example.com"
const config = dockerConfig({ host, username: "reader", password })
const tokens = JSON.stringify({ auths: { "token.example.com": { identitytoken: token, registrytoken: "" } } })

/**
 * The texts that no output may contain. They are the password, the token, and the Base64 encodings of texts that
 * contain the password or the token.
 */
const secrets = [
  password,
  token,
  ...[password, `reader:${password}`, config, token, tokens].map((text) => Base64.encode(text))
]

const objects = [
  moduleSource({ name: "good", repo: `${host}/good`, dockerCfg: Base64.encode(config) }),
  moduleSource({ name: "token", repo: "token.example.com/good", dockerCfg: Base64.encode(tokens) }),
  registrySecret({ address: host, credentials: { host, username: "reader", password } })
]

const brokenObjects = [
  moduleSource({ name: "good", repo: `${host}/good`, dockerCfg: Base64.encode(config).slice(0, -3) }),
  moduleSource({ name: "plain", repo: `${host}/plain`, dockerCfg: config }),
  moduleSource({ name: "cut", repo: `${host}/cut`, dockerCfg: Base64.encode(config.slice(0, -1)) }),
  moduleSource({ name: "pasted", repo: `https://reader:${password}@${host}/pasted` }),
  moduleSource({ name: "scheme", repo: `${host}/scheme`, scheme: password }),
  moduleSource({
    name: "ca",
    repo: `${host}/ca`,
    ca: `-----BEGIN CERTIFICATE-----\n${password}\n-----END CERTIFICATE-----`
  }),
  moduleSource({ name: `reader:${password}`, repo: `${host}/name` }),
  {
    apiVersion: `v1/${password}`,
    kind: `${password} ${token}`,
    metadata: { name: `${password}:`, namespace: `${token}:` }
  },
  registrySecret({ address: `${password}@${host}`, path: `/${password}:`, scheme: token }),
  password,
  [token]
]

const texts: ReadonlyArray<FakeFile> = [
  JSON.stringify(kubernetesList(objects)),
  dump(kubernetesList(brokenObjects)),
  dump(kubernetesList(objects)),
  `${dump(kubernetesList(objects))}\n"${password}: [${token}`,
  `{"${password}": "${token}", ${Base64.encode(config)}`,
  `${password}: &${token} [*${token}, *unknown]\n? [${password}]\n: 1`,
  `!${token} ${password}`,
  `%${token} ${password}\n---\n- ${password}`
]

describe("secrets", () => {
  it.effect("are in no log line, error, status or metric, whatever happens to their file", () =>
    Effect.gen(function* () {
      const log = captureLog()
      const path = "/credentials"
      const files = new Map<string, FakeFile>()
      const seen: Array<unknown> = []
      yield* Effect.gen(function* () {
        for (const text of texts) {
          files.set(path, text)
          // The YAML parser is loaded during these turns of the event loop.
          for (let turn = 0; turn < 50; turn++) {
            yield* TestClock.adjust("1 second")
            yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
          }
          for (const name of ["good", "plain", "cut", "pasted", "scheme", "ca", "name", "unknown"]) {
            seen.push(yield* Effect.result(get(`${host}/${name}`)))
          }
          seen.push(
            yield* Effect.result(get("")),
            yield* Effect.result(get("token.example.com/good")),
            yield* status
          )
        }
        seen.push(yield* PrometheusMetrics.format())
      }).pipe(
        Effect.provide(
          CredentialStore.layerFiles([path]).pipe(
            Layer.provide(Layer.succeed(FileSystem.FileSystem, makeFileSystem(files))),
            Layer.provideMerge(log.layer)
          )
        )
      )
      const good = seen.filter((value) => Result.isResult(value) && Result.isSuccess(value))
      assert.strictEqual(good.length, 3 * texts.length - 1)
      assert.isAtLeast(log.matching("Warn").length, brokenObjects.length)
      const printed = [
        ...log.lines,
        JSON.stringify(seen),
        inspect(seen, { depth: 20, showHidden: true }),
        ...seen.map((value) => String(value))
      ].join("\n")
      for (const secret of secrets) assert.notInclude(printed, secret)
    })
  )
})
