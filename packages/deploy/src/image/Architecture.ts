/** A processor architecture for which images are built. OCI and Debian use the same names for it. */
export type Architecture = "amd64" | "arm64"

export const architectures: ReadonlyArray<Architecture> = ["amd64", "arm64"]
