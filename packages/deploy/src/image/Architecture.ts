/** A supported processor architecture. OCI and Debian use the same names. */
export type Architecture = "amd64" | "arm64"

export const architectures: ReadonlyArray<Architecture> = ["amd64", "arm64"]
