/** The certificate and client CAs of a TLS listener: watched files, or a self-signed certificate. */
export * as AnyExtendedKeyUsage from "./AnyExtendedKeyUsage.ts"
export * as KeyPair from "./KeyPair.ts"
export * as SelfSigned from "./SelfSigned.ts"
export { type ListenerMaterial, type MaterialSources, TlsMaterial, TlsMaterialError } from "./TlsMaterial.ts"
