import { Effect } from "effect"
import { packTar } from "modern-tar"
import { gzip } from "node:zlib"
import { randomBytes } from "./RegistryBlob.ts"

/** The parameters of a sample package. Equal parameters give equal bytes. */
export interface SamplePackageOptions {
  readonly name: string
  readonly version: string
  /** Approximate size of the package (tar+gzip), in bytes. */
  readonly size: number
  /** Different seeds give different bytes. Default: 1. */
  readonly seed?: number
}

const installScript = (name: string, version: string): string => `#!/bin/bash
# Installs ${name} ${version}: nodes run this from the directory the package is unpacked in.
set -Eeuo pipefail
install -m 0755 -D bin/${name} "\${PREFIX:-/opt/deckhouse}/bin/${name}"
echo "${name} ${version} is installed"
`

// A fixed time, so that the digest never changes.
const mtime = new Date("2026-01-01T00:00:00Z")

const file = (name: string, mode: number, body: string | Uint8Array) => ({
  header: {
    name,
    mode,
    mtime,
    type: "file" as const,
    size: typeof body === "string" ? new TextEncoder().encode(body).length : body.length
  },
  body
})

// Pseudo-random bytes do not compress, and for 64 MiB the attempt takes seconds. Above 16 MiB, gzip stores the bytes
// uncompressed.
const compress = (bytes: Uint8Array): Effect.Effect<Uint8Array> =>
  Effect.callback<Uint8Array>((resume) => {
    gzip(bytes, { level: bytes.length > 16 * 1024 * 1024 ? 0 : 1, chunkSize: 1 << 20 }, (error, packed) =>
      resume(
        error === null
          ? Effect.succeed(new Uint8Array(packed.buffer, packed.byteOffset, packed.length))
          : Effect.die(error)
      )
    )
  })

/** Makes a package (tar+gzip) with scripts `install` and `uninstall`, and a binary of nearly `size` bytes. */
export const make = Effect.fnUntraced(function* (request: SamplePackageOptions) {
  const { name, seed = 1, size, version } = request
  const header = `\u007fELF sample of ${name} ${version}\n`
  const binary = new Uint8Array(Math.max(header.length, size - 512))
  binary.set(randomBytes(seed, binary.length))
  binary.set(new TextEncoder().encode(header))
  const tar = yield* Effect.promise(() =>
    packTar([
      file("install", 0o755, installScript(name, version)),
      file("uninstall", 0o755, `#!/bin/bash\nrm -f "\${PREFIX:-/opt/deckhouse}/bin/${name}"\n`),
      file(`bin/${name}`, 0o755, binary)
    ])
  )
  return yield* compress(tar)
})
