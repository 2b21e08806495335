import { Effect, Option } from "effect"
import { which } from "./Which.ts"

/** A program that the tests or the benchmarks need on this machine. */
export interface RequiredProgram {
  readonly name: string
  /** The Debian package that contains the program, or instructions to install the program. */
  readonly from: { readonly debian: string } | { readonly advice: string }
  /** Services that start when the package is installed. `ensureInstalled` stops these services. */
  readonly services?: ReadonlyArray<string>
}

/** All required programs. */
export const requiredPrograms: ReadonlyArray<RequiredProgram> = [
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
  // Runs arm64 executables on other processors.
  { name: "qemu-aarch64-static", from: { debian: "qemu-user-static" } },
  { name: "apt-get", from: { advice: "run this on Debian: images are built from its packages" } },
  { name: "gcc", from: { debian: "build-essential" } },
  // Debian's Go is too old. Go 1.21 and newer versions download the version that a module requires.
  {
    name: "go",
    from: { advice: "install Go 1.21 or newer, https://go.dev/doc/install, and have it in PATH" }
  }
]

/** Returns the required programs with these names that are not in PATH. */
export const missing = (names: ReadonlyArray<string>) =>
  Effect.filter(
    requiredPrograms.filter(({ name }) => names.includes(name)),
    ({ name }) => Effect.map(which(name), Option.isNone)
  )

/** Formats the message about missing programs, with instructions to install them. */
export const explain = (absent: ReadonlyArray<RequiredProgram>): string => {
  const debian = absent.flatMap(({ from }) => ("debian" in from ? [from.debian] : []))
  return [
    "These programs are missing:",
    ...absent.map(({ from, name }) =>
      "debian" in from ? `  ${name}: in the Debian package ${from.debian}` : `  ${name}: ${from.advice}`
    ),
    ...(debian.length === 0
      ? []
      : [
          "Add --install (as root, on Debian or a derivative) to install them,",
          `or run: apt-get install --no-install-recommends ${debian.join(" ")}`
        ])
  ].join("\n")
}
