/**
 * The certificate and the client CAs of a TLS listener. They are read from watched files, or the certificate is
 * self-signed.
 */
export * as AnyExtendedKeyUsage from "./AnyExtendedKeyUsage.ts"
export * as KeyPair from "./KeyPair.ts"
export * as SelfSigned from "./SelfSigned.ts"
export { type ListenerMaterial, type MaterialSources, TlsMaterial, TlsMaterialError } from "./TlsMaterial.ts"
