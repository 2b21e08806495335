/** Finds the registry of a repository, and the credentials for that registry. */
export { CredentialError, NotSynced, UnknownRepository, Unreadable } from "./CredentialError.ts"
export { type CredentialStatus, CredentialStore } from "./CredentialStore.ts"
export * as FileFeed from "./feeds/FileFeed.ts"
export * as Feed from "./feeds/Feed.ts"
export * as WatchFeed from "./feeds/WatchFeed.ts"
