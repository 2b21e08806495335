import { Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library"
import { createHash } from "node:crypto"
import { PackageURL } from "packageurl-js"
import type { BundledPackage } from "./BundledPackages.ts"
import { nodeVersion } from "./NodeBinary.ts"
import type { SourceVersion } from "./Source.ts"

/** A system package in an image. */
export interface SystemPackage {
  readonly name: string
  readonly version: string
  readonly architecture: string
  /** An SPDX expression. */
  readonly licence: string
}

export interface SbomOptions {
  readonly source: SourceVersion
  readonly packages: ReadonlyArray<BundledPackage>
  /** The system packages of the image, if the bill of materials describes an image. Default: none. */
  readonly system?: ReadonlyArray<SystemPackage>
}

/** The keys of `process.versions` that do not name a library in Node. */
const notCode = new Set(["node", "modules", "napi", "cldr", "tz", "unicode"])

const component = (
  type: Enums.ComponentType,
  name: string,
  version: string,
  purl: PackageURL | undefined,
  licence?: string
): Models.Component => {
  const [scope, rest] = name.startsWith("@") ? name.split("/") : [undefined, name]
  const made = new Models.Component(type, rest ?? name, {
    version,
    ...(scope === undefined ? {} : { group: scope }),
    ...(purl === undefined ? {} : { purl: purl.toString() }),
    bomRef: purl?.toString() ?? `${name}@${version}`
  })
  if (licence !== undefined) {
    made.licenses.add(
      licence.includes(" ") ? new Models.LicenseExpression(licence) : new Models.SpdxLicense(licence)
    )
  }
  return made
}

const npm = ({ licence, name, version }: BundledPackage): Models.Component => {
  const [scope, rest] = name.startsWith("@") ? name.split("/") : [undefined, name]
  const purl = new PackageURL("npm", scope, rest ?? name, version, undefined, undefined)
  return component(Enums.ComponentType.Library, name, version, purl, licence)
}

/**
 * Returns Node and its libraries as components of the bill of materials. The versions of the libraries are those of the
 * running Node, whose version is `nodeVersion`.
 */
const node = (): Models.Component => {
  const purl = new PackageURL("generic", undefined, "node", nodeVersion, undefined, undefined)
  const made = component(Enums.ComponentType.Platform, "node", nodeVersion, purl, "MIT")
  for (const [name, version] of Object.entries(process.versions)) {
    if (notCode.has(name) || version === undefined) continue
    made.components.add(
      component(
        Enums.ComponentType.Library,
        name,
        version,
        new PackageURL("generic", undefined, name, version)
      )
    )
  }
  return made
}

const debian = ({ architecture, licence, name, version }: SystemPackage): Models.Component =>
  component(
    Enums.ComponentType.Library,
    name,
    version,
    new PackageURL("deb", "debian", name, version, { arch: architecture }, undefined),
    licence
  )

/** Returns a UUID as a URN. Equal texts have equal UUIDs. Source: RFC 9562, version 8. */
const serialNumber = (text: string): string => {
  const hex = createHash("sha256").update(text).digest("hex")
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** Returns the bill of materials of a build as CycloneDX JSON. Equal builds have equal bills of materials. */
export const make = ({ packages, source, system = [] }: SbomOptions): string => {
  const program = component(
    Enums.ComponentType.Application,
    "registry-packages-proxy",
    source.version,
    new PackageURL("generic", undefined, "registry-packages-proxy", source.version),
    "Apache-2.0"
  )
  const bom = new Models.Bom({
    metadata: new Models.Metadata({ component: program, timestamp: new Date(source.time * 1000) })
  })
  for (const made of [...packages.map(npm), node(), ...system.map(debian)]) {
    bom.components.add(made)
    program.dependencies.add(made.bomRef)
  }
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6))
  const serialize = () => serializer.serialize(bom, { sortLists: true, space: 2 })
  bom.serialNumber = serialNumber(serialize())
  return `${serialize()}\n`
}
