import { Effect, Option } from "effect"
import { which } from "./Which.ts"

/** A program that the tests, or the benchmarks, need on this machine. */
export interface Part {
  readonly name: string
  /** Where it comes from: a Debian package, or what a person is told to do. */
  readonly from: { readonly debian: string } | { readonly advice: string }
  /** The services that installing the package starts, and the tests do not want. */
  readonly services?: ReadonlyArray<string>
}

/** Every program they need. */
export const parts: ReadonlyArray<Part> = [
  { name: "setpriv", from: { debian: "util-linux" } },
  { name: "unshare", from: { debian: "util-linux" } },
  { name: "docker-registry", from: { debian: "docker-registry" }, services: ["docker-registry"] },
  { name: "skopeo", from: { debian: "skopeo" } },
  { name: "tinyproxy", from: { debian: "tinyproxy" }, services: ["tinyproxy"] },
  { name: "python3", from: { debian: "python3" } },
  { name: "curl", from: { debian: "curl" } },
  { name: "nginx", from: { debian: "nginx-light" }, services: ["nginx"] },
  { name: "prometheus", from: { debian: "prometheus" }, services: ["prometheus"] },
  { name: "promtool", from: { debian: "prometheus" } },
  { name: "openssl", from: { debian: "openssl" } },
  { name: "wrk", from: { debian: "wrk" } },
  { name: "git", from: { debian: "git" } },
  { name: "buildah", from: { debian: "buildah" } },
  { name: "readelf", from: { debian: "binutils" } },
  { name: "dpkg-deb", from: { debian: "dpkg" } },
  // Runs an executable for another processor, as a process of this machine's.
  { name: "qemu-aarch64-static", from: { debian: "qemu-user-static" } },
  { name: "apt-get", from: { advice: "run this on Debian, whose packages an image is made of" } },
  { name: "gcc", from: { debian: "build-essential" } },
  // Debian's own is too old for the module, though any since 1.21 brings the version that the module names.
  {
    name: "go",
    from: { advice: "install Go 1.21 or newer, https://go.dev/doc/install, and have it in PATH" }
  }
]

/** The parts among those of these names that are nowhere in PATH. */
export const missing = (names: ReadonlyArray<string>) =>
  Effect.filter(
    parts.filter(({ name }) => names.includes(name)),
    ({ name }) => Effect.map(which(name), Option.isNone)
  )

/** What a person is told about parts that are not there. */
export const explain = (absent: ReadonlyArray<Part>): string => {
  const debian = absent.flatMap(({ from }) => ("debian" in from ? [from.debian] : []))
  return [
    "These programs are missing:",
    ...absent.map(({ from, name }) =>
      "debian" in from ? `  ${name}: in the Debian package ${from.debian}` : `  ${name}: ${from.advice}`
    ),
    ...(debian.length === 0
      ? []
      : [
          "The same command with -- --install has root install them, on Debian or a system made from it;",
          `or by hand: apt-get install --no-install-recommends ${debian.join(" ")}`
        ])
  ].join("\n")
}
