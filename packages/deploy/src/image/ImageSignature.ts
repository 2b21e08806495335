import { createHash } from "node:crypto"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Cosign } from "./Cosign.ts"

const mediaTypes = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  payload: "application/vnd.dev.cosign.simplesigning.v1+json"
}

/** Returns the tag under which cosign stores the signatures of the image with this digest. Example: `sha256-….sig`. */
export const signatureTagOf = (digest: string): string => `${digest.replace(":", "-")}.sig`

/**
 * Returns the payload that is signed. It contains the image's digest and name. Source: cosign, specs/SIGNATURE_SPEC.md.
 */
const payloadOf = (digest: string, name: string): string =>
  JSON.stringify({
    critical: {
      identity: { "docker-reference": name },
      image: { "docker-manifest-digest": digest },
      type: "cosign container image signature"
    },
    optional: null
  })

/**
 * Signs the image that has the digest `digest`, and writes the signature into an OCI image layout at `layout`. If the
 * layout is copied to the image's repository, cosign finds the signature in the repository.
 */
export const writeSignature = async (
  cosign: Cosign,
  layout: string,
  digest: string,
  name: string
): Promise<void> => {
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true })
  const put = (mediaType: string, content: string) => {
    const hex = createHash("sha256").update(content).digest("hex")
    writeFileSync(join(layout, "blobs/sha256", hex), content)
    return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(content) }
  }
  const text = payloadOf(digest, name)
  const payload = put(mediaTypes.payload, text)
  const config = put(
    mediaTypes.config,
    JSON.stringify({
      architecture: "",
      os: "",
      config: {},
      rootfs: { type: "layers", diff_ids: [payload.digest] }
    })
  )
  const manifest = put(
    mediaTypes.manifest,
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config,
      layers: [{ ...payload, annotations: { "dev.cosignproject.cosign/signature": await cosign.sign(text) } }]
    })
  )
  const annotations = { "org.opencontainers.image.ref.name": signatureTagOf(digest) }
  const index = { schemaVersion: 2, manifests: [{ ...manifest, annotations }] }
  writeFileSync(join(layout, "index.json"), JSON.stringify(index))
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }))
}
