/**
 * Mock layers and in-process servers for tests, and the content of these servers. The shared suites need vitest, so
 * they are not exported here. A test imports each suite from its own module, such as
 * `@registry-packages-proxy/testkit/blob-store/BlobStoreSuite`.
 */
export * as AccessControlMock from "./access-control/AccessControlMock.ts"
export { Bucket, BucketError, type ObjectHead } from "./blob-store/Bucket.ts"
export * as FaultyBlobStore from "./blob-store/FaultyBlobStore.ts"
export * as ObjectStore from "./blob-store/ObjectStore.ts"
export * as TestFeed from "./credential-store/TestFeed.ts"
export * as CredentialStoreMock from "./credential-store/CredentialStoreMock.ts"
export * as CredentialStoreObjects from "./credential-store/CredentialStoreObjects.ts"
export * as RegistryBlob from "./images/RegistryBlob.ts"
export * as RegistryImage from "./images/RegistryImage.ts"
export * as SamplePackage from "./images/SamplePackage.ts"
export { FakeKubernetes, type FakeKubernetesOptions } from "./kubernetes/FakeKubernetes.ts"
export * as Certificates from "./machine/Certificates.ts"
export { type MockFault, RegistryClientMock } from "./registry-client/RegistryClientMock.ts"
export type { Fault, FaultOptions } from "./registry/Fault.ts"
export type { RegistryAuth } from "./registry/RegistryAuth.ts"
export { TestRegistry, type TestRegistryOptions } from "./registry/TestRegistry.ts"
