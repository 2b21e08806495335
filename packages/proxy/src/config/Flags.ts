import { PlatformText } from "@registry-packages-proxy/oci/Platform"
import { Schema } from "effect"
import * as Flag from "./Flag.ts"
import { GoDuration } from "./GoDuration.ts"
import { ListenAddressOrOff } from "./ListenAddress.ts"
import { LogFormat, LogLevel } from "./LogSettings.ts"
import { Quantity } from "./Quantity.ts"

/** A file or directory, absolute or from where the program was started. */
export const FilePath = Schema.NonEmptyString.check(Schema.isPattern(/^[^\0]*$/)).pipe(
  Schema.brand("FilePath")
)
export type FilePath = typeof FilePath.Type

/** A UUID in any case; empty where whoever wrote the arguments knew none. */
export const Uuid = Schema.String.check(
  Schema.isPattern(/^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?$/i)
)

/**
 * Every flag, by the name its value has in `Settings`. Parsing, the environment, --help and the table in the docs come
 * from here. No name may begin with `port` or `service`: Kubernetes sets such variables for a Service of our name.
 */
export const flags = {
  listenAddress: Flag.single({
    name: "listen-address",
    metavar: "ADDRESS",
    accepts: "host:port, [IPv6]:port, :port for every interface, or off",
    default: "127.0.0.1:5080",
    description:
      "Where to serve plain HTTP. There is no access control on it: for localhost and for a sidecar.",
    schema: ListenAddressOrOff
  }),
  secureListenAddress: Flag.single({
    name: "secure-listen-address",
    metavar: "ADDRESS",
    accepts: "host:port, [IPv6]:port, :port for every interface, or off",
    default: "off",
    description:
      "Where to serve HTTPS to those whom Kubernetes RBAC lets in. Needs an API server that is asked.",
    schema: ListenAddressOrOff
  }),
  tlsCertFile: Flag.optional({
    name: "tls-cert-file",
    metavar: "FILE",
    accepts: "the path of a PEM file",
    default: "self-signed, made at start",
    description:
      "The certificate to serve HTTPS with, followed by those up to its authority's. Read again when it changes. " +
      "Needs --tls-private-key-file.",
    schema: FilePath
  }),
  tlsPrivateKeyFile: Flag.optional({
    name: "tls-private-key-file",
    metavar: "FILE",
    accepts: "the path of a PEM file",
    default: "self-signed, made at start",
    description: "The certificate's private key, not encrypted. Read again when it changes.",
    schema: FilePath
  }),
  tlsMinVersion: Flag.single({
    name: "tls-min-version",
    metavar: "VERSION",
    accepts: "1.2 or 1.3",
    default: "1.2",
    description: "The oldest TLS that is spoken with clients.",
    schema: Schema.Literals(["1.2", "1.3"])
  }),
  clientCaFile: Flag.optional({
    name: "client-ca-file",
    metavar: "FILE",
    accepts: "the path of a PEM file, or off",
    default: "off",
    description:
      "Authorities whose client certificates authenticate: CN is the user, O its groups. Each certificate in it is an anchor, root or not. Read again when it changes.",
    schema: FilePath
  }),
  kubeconfig: Flag.optional({
    name: "kubeconfig",
    metavar: "FILE",
    accepts: "the path of a kubeconfig file",
    default: "in a cluster, the pod's service account",
    description:
      "How to reach the API server whose ModuleSources and registry Secret are followed. " +
      "Its current context counts. Read again when it changes.",
    schema: FilePath
  }),
  credentialsFiles: Flag.repeated({
    name: "credentials-file",
    metavar: "FILE",
    accepts: "the path of a YAML or JSON file; the variable takes several, separated by commas",
    default: "none",
    description:
      "ModuleSource and Secret objects that say which registries there are and with what credentials, " +
      "beside those of the API server, and before them. May be given several times. Read again when it changes.",
    schema: FilePath
  }),
  cacheDirectory: Flag.single({
    name: "cache-directory",
    metavar: "DIRECTORY",
    accepts: "the path of a directory",
    default: "/cache",
    description: "Where cached packages are kept. Made when it does not exist.",
    schema: FilePath
  }),
  cacheRetentionSize: Flag.single({
    name: "cache-retention-size",
    metavar: "QUANTITY",
    accepts: "a Kubernetes quantity of bytes, such as 512Mi, 1Gi or 2e9",
    default: "1Gi",
    description: "The most disk space the cache ever takes; the packages used least recently make room.",
    schema: Quantity
  }),
  disableCache: Flag.toggle({
    name: "disable-cache",
    description: "Pass every package through from its registry and keep nothing."
  }),
  platform: Flag.single({
    name: "platform",
    metavar: "PLATFORM",
    accepts: "os/architecture or os/architecture/variant, such as linux/arm64",
    default: "linux/amd64",
    description: "Which image is meant when a digest names an image index.",
    schema: PlatformText
  }),
  logLevel: Flag.single({
    name: "log-level",
    metavar: "LEVEL",
    accepts: "trace, debug, info, warn or error, in any case",
    default: "info",
    description: "The least severe messages that are logged.",
    schema: LogLevel
  }),
  logFormat: Flag.optional({
    name: "log-format",
    metavar: "FORMAT",
    accepts: "json or pretty",
    default: "json, pretty on a terminal",
    description: "One JSON object a line, or lines for people.",
    schema: LogFormat
  }),
  shutdownGracePeriod: Flag.single({
    name: "shutdown-grace-period",
    metavar: "DURATION",
    accepts: "a duration from 0 to 24h, such as 30s, 1m30s or 500ms",
    default: "30s",
    description: "How long downloads under way may go on after SIGTERM.",
    schema: GoDuration
  }),
  rppGetBinaryListenAddress: Flag.single({
    name: "rpp-get-binary-listen-address",
    metavar: "ADDRESS",
    accepts: "host:port, [IPv6]:port, :port for every interface, or off",
    default: "off",
    description:
      "Accepted because the replaced service has it: where it serves the binary rpp-get. This program does not serve it.",
    schema: ListenAddressOrOff
  }),
  clusterUuid: Flag.optional({
    name: "cluster-uuid",
    metavar: "UUID",
    accepts: "a UUID, or nothing",
    default: "none",
    description: "Accepted because the replaced service has it: a part of the path of the binary rpp-get.",
    schema: Uuid
  })
} as const
