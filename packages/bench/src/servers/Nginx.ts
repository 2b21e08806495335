import { Effect, type Scope } from "effect"
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { freePort, type MeasuredServer, start as startServer } from "./MeasuredServer.ts"

/**
 * Starts nginx with two workers, and returns its process id. `http` is the content of the block `http` in nginx.conf.
 */
export const start = (options: {
  readonly name: string
  readonly workDirectory: string
  readonly port: number
  readonly http: string
}): Effect.Effect<number, Error, Scope.Scope> => {
  const prefix = join(options.workDirectory, `nginx-${options.name}`)
  mkdirSync(prefix, { recursive: true })
  const file = join(prefix, "nginx.conf")
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${prefix}/${name};`)
    .join(" ")
  writeFileSync(
    file,
    `daemon off; pid ${prefix}/nginx.pid; error_log ${prefix}/error.log warn; worker_processes 2;
${process.getuid?.() === 0 ? "user root;" : ""}
events { worker_connections 4096; }
http { ${temporary} keepalive_requests 1000000; ${options.http} }
`
  )
  return startServer({
    command: "nginx",
    args: ["-p", prefix, "-c", file, "-e", join(prefix, "error.log")],
    port: options.port,
    log: join(prefix, "output.log")
  })
}

/** Paths of a certificate and its private key, both in PEM format. */
export interface TlsPair {
  readonly certificate: string
  readonly key: string
}

const listenTls = ({ certificate, key }: TlsPair): string =>
  `ssl_certificate ${certificate}; ssl_certificate_key ${key}; ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;`

/** Starts an nginx server for the files of the benchmark's registry. It uses TLS if `tls` is given. */
export const startFileServer = (
  origin: { readonly directory: string },
  workDirectory: string,
  sendfile: boolean,
  tls?: TlsPair
): Effect.Effect<MeasuredServer, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const port = yield* freePort
    const name = `nginx${tls === undefined ? "" : " TLS"}, sendfile ${sendfile ? "on" : "off"}`
    const scheme = tls === undefined ? "http" : "https"
    const pid = yield* start({
      name: `${sendfile ? "sendfile" : "read"}-${scheme}`,
      workDirectory,
      port,
      http: `access_log off; ${sendfile ? "sendfile on; tcp_nopush on;" : "sendfile off; output_buffers 2 512k;"}
        server { listen 127.0.0.1:${port}${tls === undefined ? "" : " ssl"}; root ${origin.directory}; ${tls === undefined ? "" : listenTls(tls)} }`
    })
    return {
      name,
      pid,
      url: (wanted) => `${scheme}://127.0.0.1:${port}/v2/bench/blobs/${wanted.layerDigest}`,
      emptyCache: Effect.void
    }
  })

/**
 * Starts nginx as a cache (proxy_cache) for the registry at `upstream`. nginx coalesces concurrent misses
 * (proxy_cache_lock).
 */
export const startProxyCache = (options: {
  readonly upstream: string
  readonly workDirectory: string
  readonly name: string
}): Effect.Effect<MeasuredServer, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const { name, upstream, workDirectory } = options
    const port = yield* freePort
    const directory = join(workDirectory, `cache-${name}`)
    const pid = yield* start({
      name,
      workDirectory,
      port,
      http: `
        proxy_cache_path ${directory} levels=1 keys_zone=packages:10m max_size=8g inactive=1d use_temp_path=off;
        access_log off; sendfile on; tcp_nopush on;
        upstream registry { server ${upstream}; keepalive 16; }
        server {
          listen 127.0.0.1:${port};
          location / {
            proxy_pass http://registry; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_cache packages; proxy_cache_valid 200 1d; proxy_cache_lock on; proxy_cache_lock_timeout 120s;
            proxy_cache_lock_age 120s; proxy_buffers 16 64k; proxy_buffer_size 64k; proxy_busy_buffers_size 128k;
            proxy_max_temp_file_size 0;
          }
        }`
    })
    return {
      name: "nginx proxy_cache",
      pid,
      url: (wanted) => `http://127.0.0.1:${port}/v2/bench/blobs/${wanted.layerDigest}`,
      emptyCache: Effect.sync(() => {
        for (const entry of readdirSync(directory))
          rmSync(join(directory, entry), { recursive: true, force: true })
      })
    }
  })
