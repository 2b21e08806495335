/** A cache of packages by digest, over any store of blobs. */
export {
  type BlobReader,
  BlobStoreError,
  type BlobVersion,
  type BlobWriter,
  type OpenBlob,
  type StoredBlob
} from "./Blob.ts"
export { BlobIndex } from "./BlobIndex.ts"
export * as BlobName from "./BlobName.ts"
export { BlobStore } from "./BlobStore.ts"
export { type CacheResult, cacheResults } from "./CacheResult.ts"
export { BodyError, DigestMismatch, DiskFailed, Stopped } from "./BodyError.ts"
export { type CacheOptions, DigestCache, type MemoryOptions } from "./DigestCache.ts"
export type { OpenPackage, PackageBody, PackageReader, PackageLookup } from "./OpenPackage.ts"
export type { PackageKey } from "./PackageKey.ts"
export type { PackageSource } from "./PackageSource.ts"
export * as StoreHealth from "./StoreHealth.ts"
