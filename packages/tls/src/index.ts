/** The certificate and client CAs of a TLS listener: watched files, or a self-signed certificate. */
export * as AnyUsage from "./AnyUsage.ts"
export * as KeyPair from "./KeyPair.ts"
export * as SelfSigned from "./SelfSigned.ts"
export { type Material, type Sources, TlsMaterial, TlsMaterialError } from "./TlsMaterial.ts"
