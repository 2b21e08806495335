import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Cosign } from "./Cosign.ts"

const mediaTypes = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  payload: "application/vnd.dev.cosign.simplesigning.v1+json"
}

/** The tag under which cosign looks for the signatures of a digest, beside what is signed. */
export const tagOf = (digest: string): string => `${digest.replace(":", "-")}.sig`

/** What is signed: that an image of this digest is called so. Source: cosign, specs/SIGNATURE_SPEC.md. */
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
 * Signs an image of a folder in the OCI image layout by its digest, and adds the signature to the folder as cosign would put it
 * into a registry: copied there beside the image, it is found and verified.
 */
export const add = async (cosign: Cosign, layout: string, digest: string, name: string): Promise<void> => {
  const put = (mediaType: string, content: string) => {
    const hex = createHash("sha256").update(content).digest("hex")
    writeFileSync(join(layout, "blobs/sha256", hex), content)
    return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(content) }
  }
  const directory = mkdtempSync(join(tmpdir(), "registry-packages-proxy-signature-"))
  try {
    const file = join(directory, "payload")
    writeFileSync(file, payloadOf(digest, name))
    const signature = await cosign.signature(file)
    const payload = put(mediaTypes.payload, readFileSync(file, "utf8"))
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
        layers: [{ ...payload, annotations: { "dev.cosignproject.cosign/signature": signature } }]
      })
    )
    const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as {
      manifests: Array<unknown>
    }
    index.manifests.push({
      ...manifest,
      annotations: { "org.opencontainers.image.ref.name": tagOf(digest) }
    })
    writeFileSync(join(layout, "index.json"), JSON.stringify(index))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
