import * as Mock from "@registry-packages-proxy/testkit/access-control/AccessControlMock"
import * as TestReviews from "@registry-packages-proxy/testkit/access-control/ReviewsMock"
import {
  authenticatorSuite,
  authorizerSuite,
  type AccessFixture
} from "@registry-packages-proxy/testkit/access-control/AccessControlSuite"
import { Layer } from "effect"
import * as TestClock from "@registry-packages-proxy/testkit/machine/TestClock"
import { Authenticator } from "../src/Authenticator.ts"
import { Authorizer } from "../src/Authorizer.ts"
import { Unreachable } from "../src/ReviewError.ts"

const reviews = ({ isReachable, rights, tokens }: AccessFixture) =>
  TestReviews.make({
    tokens: new Map(Object.entries(tokens)),
    rights: new Map(Object.entries(rights)),
    failure: isReachable ? undefined : new Unreachable({ detail: "the test says so" })
  }).layer

authenticatorSuite("mock", Mock.layerAuthenticator)
authorizerSuite("mock", Mock.layerAuthorizer)
authenticatorSuite("reviews", (fixture) =>
  Authenticator.layer.pipe(Layer.provide(reviews(fixture)), Layer.provideMerge(TestClock.layer()))
)
authorizerSuite("reviews", (fixture) => Authorizer.layer.pipe(Layer.provide(reviews(fixture))))
