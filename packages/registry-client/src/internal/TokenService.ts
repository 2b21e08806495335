import { HttpUrl } from "@registry-packages-proxy/node-net/HttpUrl"
import type { Credential } from "@registry-packages-proxy/oci/Credential"
import type { RegistrySource } from "@registry-packages-proxy/oci/RegistrySource"
import { Clock, Duration, Effect, Option, Redacted, Result, Schema } from "effect"
import { HttpClientRequest } from "effect/http"
import type { Upstream } from "../Upstream.ts"
import { readAll } from "./Body.ts"
import * as Limits from "./Limits.ts"
import { fromStatus, invalid, type PullFailure } from "./PullFailure.ts"
import * as RegistryAddress from "./RegistryAddress.ts"
import { send } from "./Send.ts"
import { userAgent } from "./UserAgent.ts"

/** A bearer token and how long it may be reused. */
export interface Token {
  readonly value: Redacted.Redacted
  readonly timeToLive: Duration.Duration
}

/** What a token is asked for. */
export interface TokenQuestion {
  readonly source: RegistrySource
  readonly realm: string
  readonly service: string | undefined
  readonly scope: string
}

// Source: distribution, "Token Authentication Specification" and "Oauth2 Token Authentication".
const Answer = Schema.Struct({
  token: Schema.optionalKey(Schema.NullOr(Schema.String)),
  access_token: Schema.optionalKey(Schema.NullOr(Schema.String)),
  expires_in: Schema.optionalKey(Schema.NullOr(Schema.Number))
})
const decodeAnswer = Schema.decodeUnknownOption(Schema.fromJsonString(Answer))

const clientId = "registry-packages-proxy"

// A token is not used in its last moments, since it must still be valid when the registry reads it.
const usableSeconds = (seconds: number): number => {
  const life = Math.min(Math.max(seconds, 0), Limits.maxTokenLife)
  return life - Math.min(10, life / 5)
}

const request = (
  realm: HttpUrl,
  question: TokenQuestion,
  credential: Credential
): HttpClientRequest.HttpClientRequest => {
  const { scope, service } = question
  if (credential._tag === "IdentityToken") {
    return HttpClientRequest.post(realm.href).pipe(
      HttpClientRequest.bodyUrlParams({
        grant_type: "refresh_token",
        refresh_token: Redacted.value(credential.token),
        client_id: clientId,
        scope,
        ...(service === undefined ? {} : { service })
      })
    )
  }
  const url = realm.withQuery([
    ...(service === undefined ? [] : [["service", service] as const]),
    ...scope.split(" ").map((each) => ["scope", each] as const)
  ])
  const get = HttpClientRequest.get(url.href)
  return credential._tag === "Basic"
    ? HttpClientRequest.basicAuth(get, credential.username, credential.password)
    : get
}

/** Reads a realm; credentials are not sent where others can read them. */
const realmOf = (question: TokenQuestion): Effect.Effect<HttpUrl, PullFailure> => {
  const realm = HttpUrl.parse(question.realm)
  if (Result.isFailure(realm)) {
    return Effect.fail(
      invalid("the registry names a token service (realm) that is not an http or https address")
    )
  }
  return RegistryAddress.isDowngrade(realm.success, question.source)
    ? Effect.fail(
        invalid("the registry names a token service (realm) on plain HTTP: no credentials are sent there")
      )
    : Effect.succeed(realm.success)
}

/** Asks a token service once. */
export const ask = (upstream: Upstream["Service"]) =>
  Effect.fn("RegistryClient.token")(function* (
    question: TokenQuestion,
    credential: Credential
  ): Effect.fn.Return<Token, PullFailure> {
    const realm = yield* realmOf(question)
    return yield* Effect.scoped(
      Effect.gen(function* () {
        const answer = yield* send(
          upstream,
          "token",
          RegistryAddress.targetOf(realm, question.source),
          request(realm, question, credential).pipe(
            HttpClientRequest.setHeaders({
              accept: "application/json",
              "accept-encoding": "identity",
              ...userAgent
            })
          )
        )
        const { response } = answer
        if (response.status !== 200) {
          return yield* fromStatus("token", response.status, response.headers, yield* Clock.currentTimeMillis)
        }
        const bytes = yield* readAll(answer, Limits.maxTokenAnswer, "the token service's answer")
        const given = decodeAnswer(new TextDecoder().decode(bytes))
        const value = Option.match(given, {
          onNone: () => "",
          onSome: (given) => given.token || given.access_token || ""
        })
        if (Option.isNone(given) || value === "" || !/^[\x21-\x7e]+$/.test(value)) {
          return yield* invalid("the token service's answer holds no token")
        }
        return {
          value: Redacted.make(value, { label: "registry token" }),
          timeToLive: Duration.seconds(usableSeconds(given.value.expires_in ?? Limits.defaultTokenLife))
        }
      })
    )
  })
