import { Schema } from "effect"

// RFC 3986: a DNS name, an IPv4 address, or an IPv6 address in brackets (without a zone), then an optional port.
const label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
const pattern = new RegExp(`^(?:${label}(?:\\.${label})*\\.?|\\[[A-Fa-f0-9:.]{2,45}\\])(?::([0-9]{1,5}))?$`)

const isRegistryHost = (input: string): boolean => {
  const match = pattern.exec(input)
  if (match === null) return false
  const port = match[1]
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65535)) return false
  return URL.canParse(`https://${input}`)
}

/** A registry's `host[:port]`. An IPv6 address is in brackets. */
export const RegistryHost = Schema.String.check(
  Schema.isMaxLength(261),
  Schema.makeFilter(isRegistryHost, { expected: "host[:port], IPv6 addresses in brackets" })
).pipe(Schema.brand("RegistryHost"))
export type RegistryHost = typeof RegistryHost.Type
