import { CredentialStore } from "@registry-packages-proxy/credential-store/CredentialStore"
import type { CredentialError } from "@registry-packages-proxy/credential-store/CredentialError"
import type { RegistrySource } from "@registry-packages-proxy/domain/RegistrySource"
import { RepositoryKey } from "@registry-packages-proxy/domain/RepositoryKey"
import { emptyPath, PathComponents } from "@registry-packages-proxy/oci/RepositoryName"
import { assert, describe, layer } from "@effect/vitest"
import { Effect, type Layer, Option, Redacted } from "effect"
import { type MockRegistrySource, registrySource } from "./CredentialStoreMock.ts"
import { moduleSource, registrySecret } from "./CredentialStoreObjects.ts"

/** The Kubernetes objects that the store under test reads, and the sources that it must derive from them. */
export interface CredentialStoreFixture {
  readonly objects: ReadonlyArray<unknown>
  /** The expected sources by repository. The empty string is the key of the cluster's own registry. */
  readonly sources: Readonly<Record<string, MockRegistrySource>>
  readonly unreadable: Readonly<Record<string, { readonly sourceObject: string; readonly detail: string }>>
  /**
   * `synced`: all feeds have delivered their objects and are up to date. `waiting`: one feed has not delivered its
   * objects yet. `stale`: all feeds have delivered their objects, but one feed cannot read its file or API server now.
   */
  readonly state: "synced" | "waiting" | "stale"
}

const password = "s3cr3t-of-the-suite"

const credentialsOf = (host: string) => ({ host, username: "reader", password })

const basic = (username: string) => ({ _tag: "Basic", username, password: Redacted.make(password) }) as const

const known: Omit<CredentialStoreFixture, "state"> = {
  objects: [
    moduleSource({
      name: "modules",
      repo: "registry.example.com:5000/sys/modules",
      credentials: credentialsOf("registry.example.com:5000")
    }),
    moduleSource({
      name: "paths",
      repo: "paths.example.com/group/",
      auths: {
        "paths.example.com/group/private": { username: "member", password },
        "https://paths.example.com/v2/": { username: "reader", password },
        "paths.example.com/other": { username: "nobody", password }
      }
    }),
    moduleSource({ name: "plain", repo: "[::1]:5001/plain", scheme: "HTTP" }),
    moduleSource({ name: "broken", repo: "broken.example.com/modules", dockerCfg: "%%%" }),
    registrySecret({
      address: "cluster.example.com",
      path: "/sys/deckhouse/",
      scheme: "HTTPS",
      credentials: credentialsOf("cluster.example.com")
    })
  ],
  sources: {
    "registry.example.com:5000/sys/modules": registrySource({
      host: "registry.example.com:5000",
      repositoryPrefix: "sys/modules",
      credential: basic("reader"),
      sourceObject: "ModuleSource modules"
    }),
    "paths.example.com/group": {
      ...registrySource({
        host: "paths.example.com",
        repositoryPrefix: "group",
        credential: basic("reader"),
        sourceObject: "ModuleSource paths"
      }),
      paths: { private: basic("member") }
    },
    "[::1]:5001/plain": registrySource({
      scheme: "http",
      host: "[::1]:5001",
      repositoryPrefix: "plain",
      sourceObject: "ModuleSource plain"
    }),
    "": registrySource({
      host: "cluster.example.com",
      repositoryPrefix: "sys/deckhouse",
      credential: basic("reader"),
      sourceObject: "Secret d8-system/deckhouse-registry"
    })
  },
  unreadable: {
    "broken.example.com/modules": {
      sourceObject: "ModuleSource broken",
      detail: "spec.registry.dockerCfg is not base64"
    }
  }
}

const keyOf = (repository: string): Option.Option<RepositoryKey> =>
  repository === "" ? Option.none() : Option.some(RepositoryKey.make(repository))

const reasonOf = (
  repository: string
): Effect.Effect<CredentialError["reason"], RegistrySource, CredentialStore> =>
  CredentialStore.use((store) =>
    Effect.map(Effect.flip(store.get(keyOf(repository), emptyPath)), (error) => error.reason)
  )

const revealed = (value: RegistrySource) => ({
  ...value,
  credential:
    value.credential._tag === "Basic"
      ? { ...value.credential, password: Redacted.value(value.credential.password) }
      : value.credential
})

const unknown = "unknown.example.com/modules"

/**
 * Defines the tests that every CredentialStore must pass. `make` returns the layer of the store under test. When the
 * layer is built, the store must already be in the `state` of the fixture.
 */
export const suite = (
  name: string,
  make: (fixture: CredentialStoreFixture) => Layer.Layer<CredentialStore, unknown>
) =>
  describe(`CredentialStore (${name})`, () => {
    for (const state of ["synced", "waiting", "stale"] as const) {
      layer(make({ ...known, state }))(state, (it) => {
        it.effect(
          "get - returns the source of every known repository",
          Effect.fn(function* () {
            const store = yield* CredentialStore
            for (const [repository, { paths: _, ...expected }] of Object.entries(known.sources)) {
              assert.deepStrictEqual(
                revealed(yield* store.get(keyOf(repository), emptyPath)),
                revealed(expected)
              )
            }
          })
        )

        it.effect(
          "get - returns the credential of the longest path that contains the requested path",
          Effect.fn(function* () {
            const store = yield* CredentialStore
            const userOf = Effect.fnUntraced(function* (path: string) {
              const { repositoryPrefix, credential } = yield* store.get(
                keyOf("paths.example.com/group"),
                PathComponents.make(path)
              )
              return [repositoryPrefix, credential._tag === "Basic" ? credential.username : credential._tag]
            })
            assert.deepEqual<unknown>(
              yield* Effect.forEach(["", "private", "private/a", "privately", "a/private"], userOf),
              ["reader", "member", "member", "reader", "reader"].map((user) => ["group", user])
            )
          })
        )

        it.effect(
          "get - names the object that cannot be read, and does not reveal its content",
          Effect.fn(function* () {
            const reason = yield* reasonOf("broken.example.com/modules")
            assert.strictEqual(reason._tag, "Unreadable")
            assert.deepInclude(reason, { ...known.unreadable["broken.example.com/modules"] })
          })
        )

        it.effect(
          "get - fails with the reason why a repository is not known",
          Effect.fn(function* () {
            const reason = yield* reasonOf(unknown)
            if (state === "waiting") {
              assert.strictEqual(reason._tag, "NotSynced")
              assert.lengthOf(reason._tag === "NotSynced" ? reason.waitingFor : [], 1)
            } else {
              assert.deepInclude(reason, { _tag: "UnknownRepository", upToDate: state === "synced" })
              assert.deepStrictEqual(
                reason._tag === "UnknownRepository" ? reason.repository : undefined,
                keyOf(unknown)
              )
            }
          })
        )

        it.effect(
          "status - agrees with the results of get",
          Effect.fn(function* () {
            const status = yield* Effect.flatMap(CredentialStore, (store) => store.status)
            assert.deepInclude(status, {
              synced: state !== "waiting",
              upToDate: state === "synced",
              sources: Object.keys(known.sources).length
            })
            assert.strictEqual(status.waitingFor.length, state === "waiting" ? 1 : 0)
          })
        )

        it.effect(
          "no printed value contains the password",
          Effect.fn(function* () {
            const store = yield* CredentialStore
            const printed = JSON.stringify([
              yield* store.status,
              yield* reasonOf(unknown),
              yield* reasonOf("broken.example.com/modules"),
              yield* Effect.forEach(Object.keys(known.sources), (repository) =>
                store.get(keyOf(repository), emptyPath)
              )
            ])
            assert.notInclude(printed, password)
          })
        )
      })
    }

    layer(make({ objects: [], sources: {}, unreadable: {}, state: "synced" }))("without objects", (it) => {
      it.effect(
        "get - fails for the cluster's own registry with UnknownRepository",
        Effect.fn(function* () {
          assert.deepInclude(yield* reasonOf(""), { _tag: "UnknownRepository", upToDate: true })
        })
      )
    })
  })
