import { Effect, type Scope } from "effect"
import { readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import * as Nginx from "./Nginx.ts"
import { freePort } from "./MeasuredServer.ts"

/**
 * The registry from which the measured servers pull. It is nginx with static files, so that the registry is faster than
 * these servers.
 */
export interface Origin {
  readonly pid: number
  readonly host: string
  /** Host and port at which this registry sends at most 1 Gbit/s per connection. */
  readonly limitedHost: string
  readonly directory: string
  /**
   * Returns the requests that were logged after the access log had reached `offset` bytes. Each line has method, path
   * and status.
   */
  readonly requestsSince: (offset: number) => ReadonlyArray<string>
  /** Returns the current size of the access log, in bytes. It is the argument of a later `requestsSince`. */
  readonly accessLogSize: () => number
}

/** Starts nginx, which serves the files of `directory` as a registry. nginx stops when the scope ends. */
export const make = (directory: string, workDirectory: string): Effect.Effect<Origin, Error, Scope.Scope> =>
  Effect.gen(function* () {
    const port = yield* freePort
    const limitedPort = yield* freePort
    const log = join(workDirectory, "origin-access.log")
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
      workDirectory,
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
      accessLogSize: () => statSync(log).size,
      requestsSince: (offset) =>
        readFileSync(log, "utf8")
          .slice(offset)
          .split("\n")
          .filter((line) => line !== "")
    }
  })
