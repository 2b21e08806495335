import { Effect, Option } from "effect"
import { findInPath } from "./Which.ts"

/** A program that the tests or the benchmarks need on this machine. */
export interface RequiredProgram {
  readonly name: string
  /** Name of the Debian package that contains the program, or an instruction to install the program. */
  readonly source: { readonly debian: string } | { readonly advice: string }
  /** Names of the services that Debian starts when it installs the package. `ensureInstalled` stops these services. */
  readonly services?: ReadonlyArray<string>
}

/** All programs that the tests or the benchmarks need. */
export const requiredPrograms: ReadonlyArray<RequiredProgram> = [
  { name: "setpriv", source: { debian: "util-linux" } },
  { name: "unshare", source: { debian: "util-linux" } },
  { name: "docker-registry", source: { debian: "docker-registry" }, services: ["docker-registry"] },
  { name: "skopeo", source: { debian: "skopeo" } },
  { name: "tinyproxy", source: { debian: "tinyproxy" }, services: ["tinyproxy"] },
  { name: "python3", source: { debian: "python3" } },
  { name: "curl", source: { debian: "curl" } },
  { name: "nginx", source: { debian: "nginx-light" }, services: ["nginx"] },
  { name: "prometheus", source: { debian: "prometheus" }, services: ["prometheus"] },
  { name: "promtool", source: { debian: "prometheus" } },
  { name: "openssl", source: { debian: "openssl" } },
  { name: "wrk", source: { debian: "wrk" } },
  { name: "git", source: { debian: "git" } },
  { name: "buildah", source: { debian: "buildah" } },
  { name: "readelf", source: { debian: "binutils" } },
  { name: "dpkg-deb", source: { debian: "dpkg" } },
  // Runs arm64 executables on other processors.
  { name: "qemu-aarch64-static", source: { debian: "qemu-user-static" } },
  { name: "apt-get", source: { advice: "run this on Debian: images are built from its packages" } },
  { name: "gcc", source: { debian: "build-essential" } },
  // Debian's Go is too old. Go 1.21 and newer versions download the version that a module requires.
  {
    name: "go",
    source: { advice: "install Go 1.21 or newer, https://go.dev/doc/install, and have it in PATH" }
  }
]

/** Returns the programs of `names` that are not in PATH. Ignores names that `requiredPrograms` does not contain. */
export const missingPrograms = (names: ReadonlyArray<string>) =>
  Effect.filter(
    requiredPrograms.filter(({ name }) => names.includes(name)),
    ({ name }) => Effect.map(findInPath(name), Option.isNone)
  )

/** Returns a message that lists the missing programs, with instructions to install them. */
export const formatMissing = (absent: ReadonlyArray<RequiredProgram>): string => {
  const debian = absent.flatMap(({ source }) => ("debian" in source ? [source.debian] : []))
  return [
    "These programs are missing:",
    ...absent.map(({ source, name }) =>
      "debian" in source ? `  ${name}: in the Debian package ${source.debian}` : `  ${name}: ${source.advice}`
    ),
    ...(debian.length === 0
      ? []
      : [
          "Add --install (as root, on Debian or a derivative) to install them,",
          `or run: apt-get install --no-install-recommends ${debian.join(" ")}`
        ])
  ].join("\n")
}
