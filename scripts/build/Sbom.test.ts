import { Spec, Validation } from "@cyclonedx/cyclonedx-library"
import { describe, expect, it } from "vitest"
import type { BundledPackage } from "./BundledPackages.ts"
import * as Sbom from "./Sbom.ts"

const packages: ReadonlyArray<BundledPackage> = [
  { name: "@scope/one", version: "1.2.3", licence: "MIT", bytes: 1, directory: "node_modules/@scope/one" },
  { name: "two", version: "2.0.0", licence: "ISC", bytes: 2, directory: "node_modules/two" }
]
const system = (["amd64", "arm64"] as const).map((architecture) => ({
  name: "libstdc++6",
  version: "12.2.0-14+deb12u1",
  licence: "GPL-3.0-or-later WITH GCC-exception-3.1",
  architecture
}))
const source = { version: "1.2.3", commit: "0123456789abcdef", time: 1_700_000_000 }

interface Bom {
  readonly components: ReadonlyArray<{
    readonly purl: string
    readonly components?: ReadonlyArray<{ name: string }>
  }>
}

describe("the bill of materials", () => {
  it("is valid CycloneDX 1.6", async () => {
    const text = Sbom.make({ source, packages, system })
    expect(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text)).toBe(null)
  })

  it("names each package, Node and its components, and the system's packages", () => {
    const bom = JSON.parse(Sbom.make({ source, packages, system })) as Bom
    expect(bom.components.map(({ purl }) => purl)).toEqual([
      "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14+deb12u1?arch=amd64",
      "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14+deb12u1?arch=arm64",
      `pkg:generic/node@${process.versions.node}`,
      "pkg:npm/%40scope/one@1.2.3",
      "pkg:npm/two@2.0.0"
    ])
    const node = bom.components.find(({ purl }) => purl.includes("/node@"))
    expect(node?.components?.map(({ name }) => name)).toEqual(expect.arrayContaining(["openssl", "v8", "uv"]))
  })

  it("is equal for equal builds, including its serial number, and different for different builds", () => {
    const text = Sbom.make({ source, packages })
    expect(Sbom.make({ source, packages })).toBe(text)
    expect(Sbom.make({ source: { ...source, version: "1.2.4" }, packages })).not.toContain(
      (JSON.parse(text) as { serialNumber: string }).serialNumber
    )
  })
})
