/** What a TLS listener serves with: files that are watched, or a certificate of its own. */
export * as AnyUsage from "./AnyUsage.ts"
export * as KeyPair from "./KeyPair.ts"
export * as SelfSigned from "./SelfSigned.ts"
export { type Material, type Sources, TlsMaterial, TlsMaterialError } from "./TlsMaterial.ts"
