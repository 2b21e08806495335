import { PlatformText } from "@registry-packages-proxy/oci/Platform"
import { Schema } from "effect"
import * as Flag from "./Flag.ts"
import { GoDuration } from "./GoDuration.ts"
import { ListenAddressOrOff } from "./ListenAddress.ts"
import { LogFormat, LogLevel } from "./LogSettings.ts"
import { Quantity } from "./Quantity.ts"

/** The path of a file or directory, absolute or relative to the working directory. */
export const FilePath = Schema.NonEmptyString.check(Schema.isPattern(/^[^\0]*$/)).pipe(
  Schema.brand("FilePath")
)
export type FilePath = typeof FilePath.Type

/** A UUID in upper or lower case, or an empty text. */
export const Uuid = Schema.String.check(
  Schema.isPattern(/^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?$/i)
)

/**
 * All flags. The key of a flag is the name of its value in `Settings`. The parser, the environment variables, --help
 * and docs/configuration.md derive from this object. No flag's name may begin with `port` or `service`, since
 * Kubernetes sets variables such as REGISTRY_PACKAGES_PROXY_PORT for a Service with the program's name.
 */
export const flags = {
  listenAddress: Flag.single({
    name: "listen-address",
    metavar: "ADDRESS",
    accepts: "host:port, [IPv6]:port, :port for every interface, or off",
    default: "127.0.0.1:5080",
    description:
      "Address for plain HTTP without access control, for clients on localhost or behind a sidecar.",
    schema: ListenAddressOrOff
  }),
  secureListenAddress: Flag.single({
    name: "secure-listen-address",
    metavar: "ADDRESS",
    accepts: "host:port, [IPv6]:port, :port for every interface, or off",
    default: "off",
    description: "Address for HTTPS with access control by Kubernetes RBAC. Requires an API server.",
    schema: ListenAddressOrOff
  }),
  tlsCertFile: Flag.optional({
    name: "tls-cert-file",
    metavar: "FILE",
    accepts: "the path of a PEM file",
    default: "self-signed, made at start",
    description:
      "Certificate of the HTTPS server, followed by its intermediate certificates. Reloaded when it changes. " +
      "Requires --tls-private-key-file.",
    schema: FilePath
  }),
  tlsPrivateKeyFile: Flag.optional({
    name: "tls-private-key-file",
    metavar: "FILE",
    accepts: "the path of a PEM file",
    default: "self-signed, made at start",
    description:
      "Unencrypted private key of the HTTPS server's certificate. Reloaded when it changes. Requires --tls-cert-file.",
    schema: FilePath
  }),
  tlsMinVersion: Flag.single({
    name: "tls-min-version",
    metavar: "VERSION",
    accepts: "1.2 or 1.3",
    default: "1.2",
    description: "Minimum TLS version of HTTPS clients.",
    schema: Schema.Literals(["1.2", "1.3"])
  }),
  clientCaFile: Flag.optional({
    name: "client-ca-file",
    metavar: "FILE",
    accepts: "the path of a PEM file, or off",
    default: "off",
    description:
      "Certificate authorities of client certificates. The CN of a client certificate is the user, each O is a group. " +
      "Each certificate in the file is a trust anchor, root or intermediate. Reloaded when it changes.",
    schema: FilePath
  }),
  kubeconfig: Flag.optional({
    name: "kubeconfig",
    metavar: "FILE",
    accepts: "the path of a kubeconfig file",
    default: "in a cluster, the pod's service account",
    description:
      "Kubeconfig of the API server whose ModuleSources and registry Secret are watched. " +
      "The current context is used. Reloaded when it changes.",
    schema: FilePath
  }),
  credentialsFiles: Flag.repeated({
    name: "credentials-file",
    metavar: "FILE",
    accepts: "the path of a YAML or JSON file; the variable accepts several, separated by commas",
    default: "none",
    description:
      "File with ModuleSource and Secret objects, which name registries and hold their credentials. " +
      "Takes precedence over objects from the API server. May be given several times. Reloaded when it changes.",
    schema: FilePath
  }),
  cacheDirectory: Flag.single({
    name: "cache-directory",
    metavar: "DIRECTORY",
    accepts: "the path of a directory",
    default: "/cache",
    description: "Directory of the cached packages. Created if it does not exist.",
    schema: FilePath
  }),
  cacheRetentionSize: Flag.single({
    name: "cache-retention-size",
    metavar: "QUANTITY",
    accepts: "a Kubernetes quantity of bytes, such as 512Mi, 1Gi or 2e9",
    default: "1Gi",
    description: "Maximum disk space of the cache. The least recently used packages are evicted first.",
    schema: Quantity
  }),
  disableCache: Flag.toggle({
    name: "disable-cache",
    description: "Stream every package from its registry and cache nothing."
  }),
  platform: Flag.single({
    name: "platform",
    metavar: "PLATFORM",
    accepts: "os/architecture or os/architecture/variant, such as linux/arm64",
    default: "linux/amd64",
    description: "Platform of the image to select when a digest names an image index.",
    schema: PlatformText
  }),
  logLevel: Flag.single({
    name: "log-level",
    metavar: "LEVEL",
    accepts: "trace, debug, info, warn or error, in any case",
    default: "info",
    description: "Minimum severity of log lines.",
    schema: LogLevel
  }),
  logFormat: Flag.optional({
    name: "log-format",
    metavar: "FORMAT",
    accepts: "json or pretty",
    default: "json, pretty on a terminal",
    description: "Format of the log: one JSON object per line, or text for people.",
    schema: LogFormat
  }),
  shutdownGracePeriod: Flag.single({
    name: "shutdown-grace-period",
    metavar: "DURATION",
    accepts: "a duration from 0 to 24h, such as 30s, 1m30s or 500ms",
    default: "30s",
    description: "Time that downloads in progress get to finish after SIGTERM.",
    schema: GoDuration
  }),
  rppGetBinaryListenAddress: Flag.single({
    name: "rpp-get-binary-listen-address",
    metavar: "ADDRESS",
    accepts: "host:port, [IPv6]:port, :port for every interface, or off",
    default: "off",
    description:
      "Accepted for compatibility and ignored with a warning: this program does not serve the binary rpp-get.",
    schema: ListenAddressOrOff
  }),
  clusterUuid: Flag.optional({
    name: "cluster-uuid",
    metavar: "UUID",
    accepts: "a UUID, or nothing",
    default: "none",
    description: "Accepted for compatibility and ignored: only the URL of the binary rpp-get contains it.",
    schema: Uuid
  })
} as const
