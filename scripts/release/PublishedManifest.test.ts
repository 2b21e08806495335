import { describe, expect, it } from "vitest"
import { make } from "./PublishedManifest.ts"

const workspace = {
  packages: new Map([["@scope/oci", "1.2.3"]]),
  catalogs: { default: { effect: "4.1.0", "modern-tar": "0.8.6" }, peers: { effect: "~4.1.0" } }
}

const manifest = {
  name: "@scope/domain",
  version: "1.2.3",
  exports: { ".": "./src/index.ts" },
  files: ["dist"],
  publishConfig: { access: "public", exports: { ".": "./dist/index.js" } },
  dependencies: { "@scope/oci": "workspace:*", "modern-tar": "catalog:", other: "^1.0.0" },
  peerDependencies: { effect: "catalog:peers" },
  devDependencies: { effect: "catalog:" }
}

describe("PublishedManifest.make", () => {
  it("names the built files, and versions from npm", () => {
    expect(make(manifest, workspace)).toEqual({
      name: "@scope/domain",
      version: "1.2.3",
      exports: { ".": "./dist/index.js" },
      files: ["dist"],
      publishConfig: { access: "public" },
      dependencies: { "@scope/oci": "1.2.3", "modern-tar": "0.8.6", other: "^1.0.0" },
      peerDependencies: { effect: "~4.1.0" }
    })
  })

  it("refuses a dependency without a version in the workspace", () => {
    const none = { ...manifest, dependencies: { "@scope/none": "workspace:*" } }
    expect(() => make(none, workspace)).toThrow(
      "@scope/none workspace:*: the workspace has no version of this package"
    )
    const unlisted = { ...manifest, peerDependencies: { vitest: "catalog:peers" } }
    expect(() => make(unlisted, workspace)).toThrow("vitest catalog:peers")
  })

  it("refuses a package without published exports", () => {
    expect(() => make({ ...manifest, publishConfig: {} }, workspace)).toThrow(
      "@scope/domain: publishConfig has no exports"
    )
  })
})
