/** The registry that serves a repository, and the credentials for it. */
export { CredentialError, NotSynced, UnknownRepository, Unreadable } from "./CredentialError.ts"
export { type CredentialStatus, CredentialStore } from "./CredentialStore.ts"
export * as FileFeed from "./feeds/FileFeed.ts"
export * as Feed from "./feeds/Feed.ts"
export * as WatchFeed from "./feeds/WatchFeed.ts"
