import { ProcessEnvironment } from "@registry-packages-proxy/proxy/config/ProcessEnvironment"
import { Effect, Schema } from "effect"
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as SecretSearch from "./SecretSearch.ts"

/**
 * Name of the environment variable that contains the run's `Destination` as JSON. If the variable is empty, no output
 * is collected.
 */
export const destinationVariable = "REGISTRY_PACKAGES_PROXY_E2E_EVIDENCE"

/** The directory and the telemetry collector that a test run uses to collect the output of registry-packages-proxy. */
interface Destination {
  /**
   * Directory with the collected output and with the file `secrets.jsonl`, which lists the secrets to search for in the
   * output.
   */
  readonly directory: string
  /** URL of the run's telemetry collector, which receives OTLP over HTTP. */
  readonly endpoint: string
}

// oxlint-disable-next-line node/no-process-env -- test processes read the run's `Destination` from a variable
const environment = process.env

/**
 * Sets the environment variable {@link destinationVariable} of this process to its value in `variables`. If `variables`
 * does not contain it, this process collects no output.
 */
export const setDestination = (variables: Readonly<Record<string, string>>): void => {
  environment[destinationVariable] = variables[destinationVariable] ?? ""
}

const destination = (): Destination | undefined => {
  const value = environment[destinationVariable] ?? ""
  return value === "" ? undefined : (JSON.parse(value) as Destination)
}

const secretsFile = "secrets.jsonl"

const known = new Set<string>()

/**
 * Registers a secret that the output of registry-packages-proxy must not contain. An error message about the secret
 * shows `name` instead.
 */
export const addSecret = (name: string, secret: string): void => {
  const found = destination()
  if (found === undefined || known.has(secret)) return
  known.add(secret)
  appendFileSync(join(found.directory, secretsFile), `${JSON.stringify({ name, secret })}\n`)
}

/**
 * Registers each line of a private key as a secret, except lines shorter than 40 characters, such as the BEGIN line.
 */
export const addPrivateKey = (name: string, pem: string): void => {
  for (const line of pem.split("\n")) if (line.length >= 40) addSecret(name, line)
}

/** Adds a line to the collected output of registry-packages-proxy. */
export const addOutputLine = (line: string): void => {
  const found = destination()
  if (found !== undefined) appendFileSync(join(found.directory, `log-${process.pid}.txt`), `${line}\n`)
}

/**
 * Returns the environment variables with which registry-packages-proxy sends telemetry to the run's collector. Empty if
 * no output is collected.
 */
export const telemetryVariables = (): Readonly<Record<string, string>> => {
  const found = destination()
  return found === undefined
    ? {}
    : {
        OTEL_EXPORTER_OTLP_ENDPOINT: found.endpoint,
        OTEL_METRICS_EXPORTER: "otlp",
        OTEL_LOGS_EXPORTER: "otlp"
      }
}

/** The collected output of registry-packages-proxy contains a registered secret. */
export class SecretFound extends Schema.TaggedError<SecretFound>()("SecretFound", {
  message: Schema.String
}) {}

const decodeSecrets = Schema.decodeUnknownSync(
  Schema.Array(Schema.Struct({ name: Schema.String, secret: Schema.String }))
)

const search = (directory: string): Effect.Effect<string, SecretFound> =>
  Effect.suspend(() => {
    const files = readdirSync(directory)
    const secrets = files.includes(secretsFile)
      ? decodeSecrets(
          readFileSync(join(directory, secretsFile), "utf8")
            .split("\n")
            .filter((line) => line !== "")
            .map((line) => JSON.parse(line) as unknown)
        )
      : []
    const outputFiles = files.filter((file) => file !== secretsFile)
    let bytes = 0
    const found = outputFiles.flatMap((file) => {
      const text = readFileSync(join(directory, file))
      bytes += text.length
      return SecretSearch.find(text, secrets).map(
        ({ form, name, offset }) => `${file}: ${name}, ${form}, at byte ${offset}`
      )
    })
    if (found.length > 0) {
      const message = `The program showed secrets:\n${found.join("\n")}\nThe searched output is in ${directory}`
      return Effect.fail(new SecretFound({ message }))
    }
    const size = `${(bytes / 1024 / 1024).toFixed(1)} MiB in ${outputFiles.length} files`
    return Effect.succeed(`No secret of ${secrets.length} is in the program's logs and telemetry (${size})`)
  })

/** Creates the directory for the collected output, and starts a telemetry collector that writes to it. */
export const make = Effect.gen(function* () {
  const { env } = yield* ProcessEnvironment
  const directory = mkdtempSync(join(env["TMPDIR"] ?? tmpdir(), "registry-packages-proxy-evidence-"))
  const server = createServer((request, response) => {
    const file = join(directory, `otlp${(request.url ?? "").replaceAll(/\W/g, "-")}.bin`)
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      appendFileSync(file, Buffer.concat(chunks))
      response.writeHead(200, { "content-type": "application/x-protobuf" }).end()
    })
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () => Effect.sync(() => server.close().closeAllConnections())
  )
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  const found: Destination = { directory, endpoint: `http://127.0.0.1:${port}` }
  return {
    /** The environment variable {@link destinationVariable}, which each test process needs. */
    variables: { [destinationVariable]: JSON.stringify(found) },
    /**
     * Searches the collected output for the registered secrets. Fails with `SecretFound` if the output contains one.
     * Otherwise, removes the directory and returns a summary.
     */
    search: Effect.tap(search(directory), () => Effect.sync(() => rmSync(directory, { recursive: true })))
  }
})
