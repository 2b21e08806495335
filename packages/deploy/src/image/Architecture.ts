/** A processor that the program is made for, by its name in OCI images and Debian. */
export type Architecture = "amd64" | "arm64"

export const architectures: ReadonlyArray<Architecture> = ["amd64", "arm64"]
