/** A supported processor architecture, by its name in OCI and Debian. */
export type Architecture = "amd64" | "arm64"

export const architectures: ReadonlyArray<Architecture> = ["amd64", "arm64"]
