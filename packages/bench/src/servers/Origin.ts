import { Effect, type Scope } from "effect"
import { createHash, randomFillSync } from "node:crypto"
import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import * as Nginx from "./Nginx.ts"
import { freePort } from "./Server.ts"

/** An image's only layer, as the origin holds it. */
export interface Blob {
  readonly size: number
  readonly digest: string
  /** The manifest that names it. */
  readonly image: string
  readonly file: string
}

/** A registry of static files: nginx, which is faster than whatever is measured against it. */
export interface Origin {
  readonly pid: number
  readonly host: string
  /** The same at 1 Gbit/s for each connection. */
  readonly limitedHost: string
  readonly directory: string
  /** Requests since `mark`, as the origin logged them: method, path and status. */
  readonly requestsSince: (mark: number) => ReadonlyArray<string>
  readonly mark: () => number
}

const block = 4 * 1024 * 1024

const digestOf = (bytes: string): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`

/** Random bytes, which no one can compress, in a file named by their digest. */
export const makeBlob = (directory: string, size: number): Blob => {
  const blobs = join(directory, "v2/bench/blobs")
  const manifests = join(directory, "v2/bench/manifests")
  mkdirSync(blobs, { recursive: true })
  mkdirSync(manifests, { recursive: true })
  const hash = createHash("sha256")
  const chunks: Array<Buffer> = []
  const bytes = randomFillSync(Buffer.allocUnsafe(Math.min(block, size)))
  for (let left = size; left > 0; left -= block) {
    // A counter in front keeps the blocks apart; new random bytes for each would take longer than the benchmark.
    const chunk = Buffer.from(bytes.subarray(0, Math.min(block, left)))
    chunk.writeDoubleLE(left, 0)
    hash.update(chunk)
    chunks.push(chunk)
  }
  const digest = `sha256:${hash.digest("hex")}`
  const file = join(blobs, digest)
  const descriptor = openSync(file, "w")
  for (const chunk of chunks) writeSync(descriptor, chunk)
  closeSync(descriptor)
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: "application/vnd.oci.empty.v1+json", digest: digestOf("{}"), size: 2 },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest, size }]
  })
  const image = digestOf(manifest)
  writeFileSync(join(manifests, image), manifest)
  writeFileSync(join(blobs, digestOf("{}")), "{}")
  return { size, digest, image, file }
}

/** Serves `directory` until the scope ends. */
export const make = (directory: string, work: string): Effect.Effect<Origin, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const port = yield* freePort
    const limitedPort = yield* freePort
    const log = join(work, "origin-access.log")
    const locations = `
      root ${directory};
      location = /v2/ { default_type application/json; return 200 "{}"; }
      location ~ ^/v2/bench/manifests/(?<digest>sha256:[0-9a-f]+)$ {
        default_type application/vnd.oci.image.manifest.v1+json;
        add_header Docker-Content-Digest $digest;
      }
      location ~ ^/v2/bench/blobs/ { default_type application/octet-stream; }`
    const pid = yield* Nginx.start({
      name: "origin",
      work,
      port,
      http: `
        log_format plain "$request_method $uri $status";
        access_log ${log} plain;
        sendfile on; tcp_nopush on; sendfile_max_chunk 512k;
        server { listen 127.0.0.1:${port}; ${locations} }
        server { listen 127.0.0.1:${limitedPort}; limit_rate 125000000; ${locations} }`
    })
    return {
      pid,
      host: `127.0.0.1:${port}`,
      limitedHost: `127.0.0.1:${limitedPort}`,
      directory,
      mark: () => statSync(log).size,
      requestsSince: (mark) =>
        readFileSync(log, "utf8")
          .slice(mark)
          .split("\n")
          .filter((line) => line !== "")
    }
  })
